package cluster

import (
	"context"
	"sync"
	"time"
)

// subscriptions are the topics that somebody on this node needs. A topic is subscribed to once, however many need it,
// and for a while after the last one has gone: rooms whose only member comes and goes cost the engine nothing.
type subscriptions struct {
	living    context.Context // the node's: a subscription in the making ends with it
	subscribe func(ctx context.Context, topic string, receive func(Message)) (unsubscribe func(), err error)

	mu      sync.Mutex // guards following, and the fields of topics
	topics  map[string]*subscription
	idle    []idleTopic // the longest idle first
	timer   *time.Timer // runs while idle is not empty
	closed  bool
	closing sync.WaitGroup // calls of the timer
}

type subscription struct {
	refs   int
	since  time.Time     // when the last one went
	listed bool          // it stands in idle
	ended  chan struct{} // not nil once it is being cancelled; closed when it is

	made   chan struct{} // closed when following are set, which do not change any more
	err    error
	cancel func()
}

type idleTopic struct {
	topic string
	since time.Time
}

const (
	// confirmWithin is how long the engine may take to confirm a subscription.
	confirmWithin = 5 * time.Second
	// keepIdle is how long a topic that nobody needs stays subscribed to.
	keepIdle = 5 * time.Second
)

// acquire returns when the topic is subscribed to, or why it cannot be. Each call without an error needs a release.
// All that need a topic at the same time get its messages through the first one's receive.
func (s *subscriptions) acquire(ctx context.Context, topic string, receive func(Message)) error {
	t, first := s.enter(topic)
	if t == nil {
		return nil // the node has left its cluster: nobody sends anything
	}
	if first {
		go s.make(t, topic, receive) // close waits for it
	}
	if t.isMade() {
		return t.err
	}
	select {
	case <-t.made:
		return t.err
	case <-ctx.Done():
		s.leave(topic, t)
		return context.Cause(ctx)
	}
}

// enter counts one more that needs the topic. It reports whether that is the first one, who makes the subscription;
// t is nil after close.
func (s *subscriptions) enter(topic string) (t *subscription, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.closed {
			return nil, false
		}
		t = s.topics[topic]
		if t == nil {
			break
		}
		if t.ended == nil {
			t.refs++
			return t, false
		}
		s.mu.Unlock()
		<-t.ended // cancelling does not wait for the engine
		s.mu.Lock()
	}
	t = &subscription{refs: 1, made: make(chan struct{})}
	if s.topics == nil {
		s.topics = map[string]*subscription{}
	}
	s.topics[topic] = t
	return t, true
}

// make subscribes for all that wait, so that the end of the first one's context does not matter.
func (s *subscriptions) make(t *subscription, topic string, receive func(Message)) {
	ctx, cancel := context.WithTimeout(s.living, confirmWithin)
	defer cancel()
	defer close(t.made)
	if t.cancel, t.err = s.subscribe(ctx, topic, receive); t.err == nil {
		return
	}
	if s.living.Err() != nil { // as if it had come after close
		t.cancel, t.err = func() {}, nil
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[topic] == t {
		delete(s.topics, topic)
	}
}

// release undoes an acquire.
func (s *subscriptions) release(topic string) {
	s.mu.Lock()
	t := s.topics[topic]
	s.mu.Unlock()
	s.leave(topic, t)
}

func (s *subscriptions) leave(topic string, t *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t == nil || s.topics[topic] != t || s.closed {
		return // it could not be made, or all is over
	}
	if t.refs--; t.refs > 0 {
		return
	}
	s.rest(topic, t)
	if s.timer == nil {
		s.closing.Add(1)
		s.timer = time.AfterFunc(keepIdle, s.expire)
	}
}

// rest needs the lock. It starts the time after which a topic that nobody needs is given up.
func (s *subscriptions) rest(topic string, t *subscription) {
	t.since = time.Now()
	if !t.listed { // else it has its turn, and then another
		t.listed = true
		s.idle = append(s.idle, idleTopic{topic, t.since})
	}
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

// expire cancels the topics that have been idle for long enough.
func (s *subscriptions) expire() {
	defer s.closing.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	expired := map[string]*subscription{}
	for len(s.idle) > 0 && time.Since(s.idle[0].since) >= keepIdle {
		first := s.idle[0]
		s.idle = s.idle[1:]
		t := s.topics[first.topic]
		if t == nil {
			continue
		}
		t.listed = false
		switch {
		case t.refs > 0:
			continue
		case t.since.After(first.since): // it was needed meanwhile
			t.listed = true
			s.idle = append(s.idle, idleTopic{first.topic, t.since})
			continue
		case !t.isMade():
			s.rest(first.topic, t)
			continue
		}
		t.ended = make(chan struct{})
		expired[first.topic] = t
	}
	s.mu.Unlock()
	for _, t := range expired {
		t.cancel()
	}
	s.mu.Lock()
	for topic, t := range expired {
		delete(s.topics, topic)
		close(t.ended)
	}
	s.timer = nil
	if len(s.idle) > 0 && !s.closed {
		s.closing.Add(1)
		s.timer = time.AfterFunc(max(0, keepIdle-time.Since(s.idle[0].since)), s.expire)
	}
}

// count returns the number of topics that are subscribed to.
func (s *subscriptions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.topics)
}

// close cancels all.
func (s *subscriptions) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil && s.timer.Stop() {
		s.closing.Done()
	}
	topics := s.topics
	s.topics, s.idle = nil, nil
	s.mu.Unlock()
	s.closing.Wait()
	for _, t := range topics {
		<-t.made
		if t.err == nil && t.ended == nil {
			t.cancel()
		}
	}
}
