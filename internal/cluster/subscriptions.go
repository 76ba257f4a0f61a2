package cluster

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// subscriptions are the topics that somebody on this node needs. A topic is subscribed to once, however many need it,
// and for a while after the last one has gone: rooms whose only member comes and goes cost the message broker nothing.
type subscriptions struct {
	living    context.Context // the node's: a subscription in the making ends with it
	subscribe func(ctx context.Context, topic string, receive func(Message)) (unsubscribe func(), err error)

	mu      sync.Mutex // guards following, and the fields of topics
	topics  map[string]*subscription
	idle    list.List   // of *subscription: those that nobody needs, the longest idle first
	timer   *time.Timer // runs while there are any
	closed  bool
	closing sync.WaitGroup // calls of the timer
}

type subscription struct {
	topic string
	refs  int
	idle  *list.Element // its place among the idle ones, else nil
	since time.Time     // when it became idle
	ended chan struct{} // not nil once it was given up; closed when it has ended
	stop  context.CancelFunc

	made   chan struct{} // closed when following are set, which do not change any more
	err    error
	cancel func()
}

const (
	// confirmWithin is how long the message broker may take to confirm a subscription.
	confirmWithin = 5 * time.Second
	// keepIdle is how long a topic that nobody needs stays subscribed to.
	keepIdle = 5 * time.Second
	// mostIdle is how many topics that nobody needs stay subscribed to. With one more the oldest ends: who comes to ever
	// new names must not fill the memory, here and in the message broker.
	mostIdle = 10_000
)

// acquire returns when the topic is subscribed to, or why it cannot be. Each call without an error needs a release.
// All that need a topic at the same time get its messages through the first one's receive.
func (s *subscriptions) acquire(ctx context.Context, topic string, receive func(Message)) error {
	t, first, err := s.enter(ctx, topic)
	if t == nil {
		return err // nil if the node has left its cluster: nobody sends anything
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

// enter counts one more that needs the topic. The first one gets the context with which to make the subscription; t is
// nil after close, and if ctx ends.
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

// make subscribes for all that wait, so that the end of the first one's context does not matter.
func (s *subscriptions) make(ctx context.Context, t *subscription, receive func(Message)) {
	defer t.stop()
	cancel, err := s.subscribe(ctx, t.topic, receive)
	if err != nil && s.living.Err() != nil { // as if it had come after close
		cancel, err = func() {}, nil
	}
	if s.settle(t, cancel, err) {
		s.end(t)
	}
}

// settle notes what has come of a subscription. It reports whether it was given up meanwhile.
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

// isMade reports whether the subscription was made, or could not be.
func (t *subscription) isMade() bool {
	select {
	case <-t.made:
		return true
	default:
		return false
	}
}

// release undoes an acquire. It may call the broker, so that who comes to many topics pays for it.
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

// exit counts one less that needs the topic. It returns one to end if more are idle than may be.
func (s *subscriptions) exit(t *subscription) (surplus *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[t.topic] != t || s.closed {
		return nil // it could not be made, or all is over
	}
	if t.refs--; t.refs > 0 {
		return nil
	}
	t.idle, t.since = s.idle.PushBack(t), time.Now()
	if s.idle.Len() > mostIdle {
		surplus = s.giveUp()
	}
	s.schedule()
	return surplus
}

// wake needs the lock.
func (s *subscriptions) wake(t *subscription) {
	if t.idle != nil {
		s.idle.Remove(t.idle)
		t.idle = nil
	}
}

// giveUp needs the lock. It returns the topic that has been idle for longest, which the caller has to end; nil if it
// is in the making, for then make ends it.
func (s *subscriptions) giveUp() *subscription {
	t := s.idle.Remove(s.idle.Front()).(*subscription)
	t.idle, t.ended = nil, make(chan struct{})
	if !t.isMade() {
		t.stop()
		return nil
	}
	return t
}

// end cancels a topic that was given up. Who comes to it meanwhile waits, and then makes it again.
func (s *subscriptions) end(t *subscription) {
	t.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(t)
}

// forget needs the lock.
func (s *subscriptions) forget(t *subscription) {
	s.wake(t)
	if s.topics[t.topic] == t {
		delete(s.topics, t.topic)
	}
	if t.ended != nil {
		close(t.ended)
	}
}

// schedule needs the lock. It sets the timer to the end of the topic that has been idle for longest.
func (s *subscriptions) schedule() {
	if s.timer == nil && s.idle.Len() > 0 && !s.closed {
		since := s.idle.Front().Value.(*subscription).since
		s.closing.Add(1)
		s.timer = time.AfterFunc(keepIdle-time.Since(since), s.expire)
	}
}

// expire ends the topics that have been idle for long enough.
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

// count returns the number of topics that are subscribed to.
func (s *subscriptions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.topics)
}

// close cancels all, and waits for those that are ending.
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
