package wsgate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
)

// spoken is a client of a gateway that speaks events.
type spoken struct {
	*testClient
	app *testApp
}

// speak serves a table of events and connects to it.
func speak(t testing.TB, bound ...wsgate.Binding[testData]) *spoken {
	t.Helper()
	return speakIn(t, wsgate.Envelope{}, bound...)
}

// speakIn is speak with another envelope.
func speakIn(t testing.TB, e wsgate.Envelope, bound ...wsgate.Binding[testData]) *spoken {
	t.Helper()
	app := newApp(t, &wsgate.Options{Envelope: e}, routeTo("/", &eventGateway{table: bound}))
	return &spoken{dialed(t, app, "/"), app}
}

// dialed connects to a gateway that speaks events in one of three envelopes, and returns when the connection is open
// on the server's side too.
func dialed(t testing.TB, app *testApp, target string) *testClient {
	t.Helper()
	c := dial(t, app, target)
	c.say(`{"type":"?","event":"?","action":"?"}`)
	if answer := c.hear(); !strings.Contains(answer, `"unknown_event"`) {
		t.Fatalf("got %s, want an error with code unknown_event", answer)
	}
	return c
}

// asks sends text and checks the next message.
func (c *spoken) asks(text, want string) {
	c.t.Helper()
	c.say(text)
	if got := c.hear(); got != want {
		c.t.Errorf("sent %.200s\n got %.300s\nwant %.300s", text, got, want)
	}
}

// silent checks that nothing is on its way to the client, in the flat form: the answer to a question is what comes next.
func (c *spoken) silent() {
	c.t.Helper()
	c.asks(`{"type":"silent?","id":"silent"}`, `{"type":"error","id":"silent","code":"unknown_event","message":"unknown event \"silent?\""}`)
}

// logged checks that the log has n lines with all of the words.
func (c *spoken) logged(n int, words ...string) {
	c.t.Helper()
	if got := c.app.log.with(words...); len(got) != n {
		c.t.Errorf("%d lines in the log with %q, want %d: %q", len(got), words, n, c.app.log.with())
	}
}

// echo answers a call with the payload itself.
func echo[T any](name string) wsgate.Binding[testData] {
	return wsgate.Answer(wsgate.Call[T, T](name), func(_ context.Context, _ *testConn, in T) (T, error) { return in, nil })
}

// show answers a call with the payload as Go prints it.
func show[T any](name string) wsgate.Binding[testData] {
	return wsgate.Answer(wsgate.Call[T, string](name), func(_ context.Context, _ *testConn, in T) (string, error) {
		return fmt.Sprintf("%+v", in), nil
	})
}

// give answers a call with a value, whatever was asked.
func give[A any](name string, answer A) wsgate.Binding[testData] {
	return wsgate.Answer(wsgate.Call[struct{}, A](name), func(context.Context, *testConn, struct{}) (A, error) { return answer, nil })
}

// fail answers an event with an error.
func fail(name string, err error) wsgate.Binding[testData] {
	return wsgate.On(wsgate.Event[struct{}](name), func(context.Context, *testConn, struct{}) error { return err })
}

// push sends an event back as soon as the client asks for it.
func push[T any](name string, payload T) wsgate.Binding[testData] {
	return wsgate.On(wsgate.Event[struct{}]("push "+name), func(_ context.Context, c *testConn, _ struct{}) error {
		return wsgate.Event[T](name).Emit(c, payload)
	})
}
