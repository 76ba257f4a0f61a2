package wstest

import (
	"strconv"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
)

// Pending is a question, or an event with an id, that was sent and whose answer has not been taken. Only its Wait and
// TryWait return the answer: [Next], [Quiet] and [Drain] do not see it.
type Pending[A any] struct {
	c      *Client
	name   string
	id     string
	decode func(*Client, wsgate.Message) A

	taken  bool
	answer A
	err    error
}

// StartAsk sends a question as [Ask] does, but does not wait for the answer:
//
//	pending := wstest.StartAsk(ann, chat.Recent, 10)
//	wstest.Send(bob, chat.Say, "meanwhile")
//	lines := pending.Wait()
func StartAsk[Q, A any](c *Client, call wsgate.Call[Q, A], question Q) *Pending[A] {
	c.t.Helper()
	return start(c, string(call), question, decode[A])
}

// decode returns the payload of a message.
func decode[T any](c *Client, m wsgate.Message) (payload T) {
	c.t.Helper()
	var in envelope.Inbound
	names := c.names()
	err := names.Parse(m.Data, &in)
	if err == nil {
		payload, err = envelope.Unmarshal[T](&names, &in)
	}
	if err != nil {
		c.t.Fatalf("wstest: %s: got %s, want a %s: %v", c.name, c.describe(m), typeName(payload), err)
	}
	return payload
}

// StartDo sends an event with an id as [Do] does, but does not wait until it was handled.
func StartDo[T any](c *Client, e wsgate.Event[T], payload T) *Pending[struct{}] {
	c.t.Helper()
	return start(c, string(e), payload, func(*Client, wsgate.Message) (nothing struct{}) { return nothing })
}

// start sends an event with a new id.
func start[T, A any](c *Client, name string, payload T, decode func(*Client, wsgate.Message) A) *Pending[A] {
	c.t.Helper()
	c.mu.Lock()
	c.asked++
	id := strconv.Itoa(c.asked)
	c.answers[id] = nil
	c.mu.Unlock()
	send(c, name, []byte(id), payload)
	return &Pending[A]{c: c, name: name, id: id, decode: decode}
}

// Wait waits for the answer and returns it. If the answer is an error, the test ends; see [Pending.TryWait].
func (p *Pending[A]) Wait() A {
	p.c.t.Helper()
	answer, err := p.TryWait()
	if err != nil {
		p.c.t.Fatalf("wstest: %s: got %s, want the answer to %q", p.c.name, describeError(err), p.name)
	}
	return answer
}

// TryWait is [Pending.Wait] for a question that may be answered with an error: an [*wsgate.Error]. Both may be called
// again, and return the same.
func (p *Pending[A]) TryWait() (A, error) {
	c := p.c
	c.t.Helper()
	if p.taken {
		return p.answer, p.err
	}
	m, err := c.wait(func() (wsgate.Message, bool) {
		arrived := c.answers[p.id]
		if arrived == nil {
			return wsgate.Message{}, false
		}
		delete(c.answers, p.id)
		return *arrived, true
	})
	if err != nil {
		c.t.Fatalf("wstest: %s: got %s, want the answer to %q", c.name, describeEnd(err), p.name)
	}
	p.taken = true
	if failure := c.failure(m); failure != nil {
		p.err = failure
	} else {
		p.answer = p.decode(c, m)
	}
	return p.answer, p.err
}
