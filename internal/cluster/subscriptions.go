package cluster

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// subscriptions holds the topics that this node uses. A topic is subscribed to once, however many users it has, and for
// a while after the last has released it: a room whose only member comes and goes causes no traffic.
type subscriptions struct {
	living    context.Context // done when the node leaves; cancels pending subscriptions
	subscribe func(ctx context.Context, topic string, receive func(Message)) (unsubscribe func(), err error)

	mu      sync.Mutex // guards following, and the fields of topics
	topics  map[string]*subscription
	idle    list.List   // of *subscription without users, the longest idle first
	timer   *time.Timer // runs while there are idle subscriptions
	closed  bool
	closing sync.WaitGroup // calls of the timer
}

type subscription struct {
	topic string
	refs  int
	idle  *list.Element // its element in subscriptions.idle; nil if in use
	since time.Time     // when it became idle
	ended chan struct{} // set when it is given up; closed when it has ended
	stop  context.CancelFunc

	made   chan struct{} // closed when the following are set, for good
	err    error
	cancel func()
}

const (
	// confirmWithin bounds the wait for the message broker's confirmation.
	confirmWithin = 5 * time.Second
	// keepIdle is how long an unused topic stays subscribed.
	keepIdle = 5 * time.Second
	// maxIdle bounds the unused topics that stay subscribed; above it, the oldest ends. So a client that joins ever new
	// rooms does not exhaust memory, here and in the message broker.
	maxIdle = 10_000
)

// acquire returns when the topic is subscribed to, or with an error. Each call without an error needs a release.
// Concurrent users of a topic share the receive of the first.
func (s *subscriptions) acquire(ctx context.Context, topic string, receive func(Message)) error {
	t, first, err := s.enter(ctx, topic)
	if t == nil {
		return err // nil if the node has left its cluster: nothing is sent any more
	}
	if first != nil {
		go s.make(first, t, receive) // close waits for it
	}
	if t.isMade() {
		return t.err
	}
	select {
	case <-t.made:
		return t.err
	case <-ctx.Done():
		s.leave(t)
		return context.Cause(ctx)
	}
}

// enter adds a user of the topic. The first gets the context with which to make the subscription. t is nil after close,
// or if ctx is done.
func (s *subscriptions) enter(ctx context.Context, topic string) (t *subscription, first context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.closed {
			return nil, nil, nil
		}
		t = s.topics[topic]
		if t == nil {
			break
		}
		if t.ended == nil {
			t.refs++
			s.wake(t)
			return t, nil, nil
		}
		s.mu.Unlock()
		select {
		case <-t.ended:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		s.mu.Lock()
		if err != nil {
			return nil, nil, err
		}
	}
	t = &subscription{topic: topic, refs: 1, made: make(chan struct{})}
	first, t.stop = context.WithTimeout(s.living, confirmWithin)
	if s.topics == nil {
		s.topics = map[string]*subscription{}
	}
	s.topics[topic] = t
	return t, first, nil
}

// make subscribes on behalf of all waiting users, independent of the first one's context.
func (s *subscriptions) make(ctx context.Context, t *subscription, receive func(Message)) {
	defer t.stop()
	cancel, err := s.subscribe(ctx, t.topic, receive)
	if err != nil && s.living.Err() != nil { // treat it as if close had come first
		cancel, err = func() {}, nil
	}
	if s.settle(t, cancel, err) {
		s.end(t)
	}
}

// settle records the result of subscribing. It reports whether the subscription was given up meanwhile.
func (s *subscriptions) settle(t *subscription, cancel func(), err error) (given bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.cancel, t.err = cancel, err
	close(t.made)
	if err != nil {
		s.forget(t)
		return false
	}
	return t.ended != nil
}

// isMade reports whether subscribing has succeeded or failed.
func (t *subscription) isMade() bool {
	select {
	case <-t.made:
		return true
	default:
		return false
	}
}

// release undoes an acquire. It may call the broker, so that a goroutine that uses many topics bears the cost.
func (s *subscriptions) release(topic string) {
	s.mu.Lock()
	t := s.topics[topic]
	s.mu.Unlock()
	if t != nil {
		s.leave(t)
	}
}

func (s *subscriptions) leave(t *subscription) {
	if surplus := s.exit(t); surplus != nil {
		s.end(surplus)
	}
}

// exit removes a user of the topic. It returns a subscription to end if there are too many idle ones.
func (s *subscriptions) exit(t *subscription) (surplus *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[t.topic] != t || s.closed {
		return nil // subscribing failed, or close was called
	}
	if t.refs--; t.refs > 0 {
		return nil
	}
	t.idle, t.since = s.idle.PushBack(t), time.Now()
	if s.idle.Len() > maxIdle {
		surplus = s.giveUp()
	}
	s.schedule()
	return surplus
}

// wake removes a subscription from the idle ones. The caller holds the lock.
func (s *subscriptions) wake(t *subscription) {
	if t.idle != nil {
		s.idle.Remove(t.idle)
		t.idle = nil
	}
}

// giveUp removes the subscription that has been idle for longest. It returns it for the caller to end, or nil if it is
// still being made, because then make ends it. The caller holds the lock.
func (s *subscriptions) giveUp() *subscription {
	t := s.idle.Remove(s.idle.Front()).(*subscription)
	t.idle, t.ended = nil, make(chan struct{})
	if !t.isMade() {
		t.stop()
		return nil
	}
	return t
}

// end unsubscribes a topic that was given up. New users wait for that and then subscribe again.
func (s *subscriptions) end(t *subscription) {
	t.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(t)
}

// forget removes a subscription. The caller holds the lock.
func (s *subscriptions) forget(t *subscription) {
	s.wake(t)
	if s.topics[t.topic] == t {
		delete(s.topics, t.topic)
	}
	if t.ended != nil {
		close(t.ended)
	}
}

// schedule sets the timer to when the longest idle topic expires. The caller holds the lock.
func (s *subscriptions) schedule() {
	if s.timer == nil && s.idle.Len() > 0 && !s.closed {
		since := s.idle.Front().Value.(*subscription).since
		s.closing.Add(1)
		s.timer = time.AfterFunc(keepIdle-time.Since(since), s.expire)
	}
}

// expire ends the topics that have been idle for keepIdle.
func (s *subscriptions) expire() {
	defer s.closing.Done()
	for _, t := range s.expired() {
		s.end(t)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = nil
	s.schedule()
}

func (s *subscriptions) expired() (expired []*subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for first := s.idle.Front(); first != nil && !s.closed; first = s.idle.Front() {
		if time.Since(first.Value.(*subscription).since) < keepIdle {
			break
		}
		if t := s.giveUp(); t != nil {
			expired = append(expired, t)
		}
	}
	return expired
}

// count returns the number of subscribed topics.
func (s *subscriptions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.topics)
}

// close ends all subscriptions and waits for those that are ending.
func (s *subscriptions) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil && s.timer.Stop() {
		s.closing.Done()
	}
	topics := s.topics
	s.topics = nil
	s.idle.Init()
	s.mu.Unlock()
	s.closing.Wait()
	for _, t := range topics {
		<-t.made
		switch {
		case t.ended != nil:
			<-t.ended
		case t.err == nil:
			t.cancel()
		}
	}
}
