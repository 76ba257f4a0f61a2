package wstest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/mistake"
)

// Send sends an event with a payload, in the envelope of the client's route.
func Send[T any](c *Client, e wsgate.Event[T], payload T) {
	c.t.Helper()
	send(c, string(e), nil, payload)
}

// Ask sends a question and returns the answer to it. Messages that arrive in the meantime are kept for [Next]. If the
// answer is an error, the test ends; see [TryAsk]. See [StartAsk] to take the answer later.
func Ask[Q, A any](c *Client, call wsgate.Call[Q, A], question Q) A {
	c.t.Helper()
	return StartAsk(c, call, question).Wait()
}

// TryAsk is [Ask] for questions that may be answered with an error: an [*wsgate.Error].
func TryAsk[Q, A any](c *Client, call wsgate.Call[Q, A], question Q) (answer A, err error) {
	c.t.Helper()
	return StartAsk(c, call, question).TryWait()
}

// Do sends an event with an id and waits until it was handled. Messages that arrive in the meantime are kept for
// [Next]. If the answer is an error, the test ends; see [TryDo]. See [StartDo] to wait later.
func Do[T any](c *Client, e wsgate.Event[T], payload T) {
	c.t.Helper()
	StartDo(c, e, payload).Wait()
}

// TryDo is [Do] for events that may be answered with an error: an [*wsgate.Error].
func TryDo[T any](c *Client, e wsgate.Event[T], payload T) error {
	c.t.Helper()
	_, err := StartDo(c, e, payload).TryWait()
	return err
}

// Ignore drops every event of that name, both those that have arrived and those that will. Use it for presence, or for
// who is typing, in a test of something else, so that [Next] and [Quiet] are strict about the rest. Answers are not
// dropped.
func Ignore[T any](c *Client, e wsgate.Event[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ignored[string(e)] = true
	c.inbox = slices.DeleteFunc(c.inbox, func(m wsgate.Message) bool {
		event, id, ok := c.head(m)
		return ok && id == "" && event == string(e)
	})
}

// ignores reports whether the client drops events of that name.
func (c *Client) ignores(event string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ignored[event]
}

// Next returns the payload of the next message, which must be this event.
func Next[T any](c *Client, e wsgate.Event[T]) T {
	c.t.Helper()
	want := strconv.Quote(string(e))
	if c.ignores(string(e)) {
		c.t.Fatalf("wstest: %s: got Next of %s, which the client ignores, want an event that it does not", c.name, want)
	}
	m := c.next(want)
	var in envelope.Inbound
	names := c.names()
	if err := names.Parse(m.Data, &in); err != nil || string(in.Type) != string(e) || in.ID != nil {
		c.t.Fatalf("wstest: %s: got %s, want %s", c.name, c.describe(m), want)
	}
	payload, err := envelope.Unmarshal[T](&names, &in)
	if err != nil {
		c.t.Fatalf("wstest: %s: got %s, want a %s: %v", c.name, c.describe(m), typeName(payload), err)
	}
	return payload
}

// ExpectError returns the next message, which must be an error with the code.
func ExpectError(c *Client, code wsgate.Code) *wsgate.Error {
	c.t.Helper()
	want := fmt.Sprintf("error %q", string(code))
	m := c.next(want)
	failure := c.failure(m)
	if failure == nil || failure.Code != code {
		c.t.Fatalf("wstest: %s: got %s, want %s", c.name, c.describe(m), want)
	}
	return failure
}

// Quiet checks that nothing has arrived for the clients and that nothing is on its way: every message that any client
// of the App has sent was handled, and what its handlers sent has arrived. What the application's own goroutines may
// still send is known only in a bubble of testing/synctest.
func Quiet(clients ...*Client) {
	for _, c := range clients {
		c.t.Helper()
		if c.stopped() {
			c.t.Fatalf("wstest: %s: got a client that has stopped reading, want one of which something can be told: Resume it", c.name)
		}
		c.app.settle()
		c.mu.Lock()
		inbox, end := c.inbox, c.end
		c.mu.Unlock()
		if len(inbox) > 0 {
			more := ""
			if len(inbox) > 1 {
				more = fmt.Sprintf(" and %d more", len(inbox)-1)
			}
			c.t.Fatalf("wstest: %s: got %s%s, want nothing", c.name, c.describe(inbox[0]), more)
		}
		if end != nil {
			c.t.Fatalf("wstest: %s: got %s, want nothing", c.name, describeEnd(end))
		}
	}
}

// Drain drops what has arrived for the clients and what is on its way, in the sense of [Quiet].
func Drain(clients ...*Client) {
	for _, c := range clients {
		c.t.Helper()
		c.app.settle()
		c.mu.Lock()
		c.inbox = nil
		c.mu.Unlock()
	}
}

// Pass lets time pass in a bubble of [testing/synctest], and waits until every goroutine has done what it does in that
// time. Outside a bubble it panics: no test should wait for real time.
func Pass(d time.Duration) {
	synctest.Wait()
	<-time.After(d)
	synctest.Wait()
}

// settle waits until all effects of what clients have sent have arrived.
func (a *App) settle() {
	if inBubble() {
		return
	}
	// A client's ping is answered after its messages were handled. The second round is for what the handlers sent to
	// others, which was queued before the first answer.
	for range 2 {
		for _, c := range a.clients.all() {
			c.fence()
		}
	}
}

// inBubble waits until every goroutine of the bubble is blocked, and reports whether there is one.
func inBubble() (in bool) {
	defer func() {
		if recover() != nil {
			in = false
		}
	}()
	synctest.Wait()
	return true
}

// send sends an event in the route's envelope.
func send[T any](c *Client, name string, id []byte, payload T) {
	c.t.Helper()
	names := c.names()
	text, err := envelope.Marshal(&names, name, id, payload)
	if err != nil {
		c.t.Fatalf("wstest: %s: event %q: %v", c.name, name, err)
	}
	c.Send(wsgate.Message{Type: websocket.MessageText, Data: text})
}

// head returns the event of a message and its id, "" if it has none, and false if the message is not an envelope.
func (c *Client) head(m wsgate.Message) (event, id string, ok bool) {
	var in envelope.Inbound
	names := c.names()
	if m.Type != websocket.MessageText || names.Parse(m.Data, &in) != nil {
		return "", "", false
	}
	return string(in.Type), string(in.ID), true
}

// failure returns the error in m, nil if m is not an error.
func (c *Client) failure(m wsgate.Message) *wsgate.Error {
	var in envelope.Inbound
	names := c.names()
	if names.Parse(m.Data, &in) != nil || !in.IsError() {
		return nil
	}
	f, err := envelope.Unmarshal[envelope.Failure](&names, &in)
	if err != nil {
		return nil
	}
	return &wsgate.Error{Code: wsgate.Code(f.Code), Message: f.Message, Details: f.Details}
}

// names are the keys of the route's envelope.
func (c *Client) names() envelope.Names {
	e := c.info.Envelope
	return envelope.New(e.Type, e.ID, e.Data)
}

// describe prints a message for a failure.
func (c *Client) describe(m wsgate.Message) string {
	if m.Type == websocket.MessageBinary {
		return "binary message " + shorten(strconv.Quote(string(m.Data)))
	}
	var in envelope.Inbound
	names := c.names()
	if names.Parse(m.Data, &in) != nil {
		return "message " + shorten(strconv.Quote(string(m.Data)))
	}
	return fmt.Sprintf("event %q %s", in.Type, shorten(string(names.Payload(&in))))
}

func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
}

func typeName(v any) string { return mistake.Type(fmt.Sprintf("%T", v)) }

func describeError(err error) string {
	var own *wsgate.Error
	if errors.As(err, &own) {
		return fmt.Sprintf("error %q (%s)", string(own.Code), own.Message)
	}
	return err.Error()
}
