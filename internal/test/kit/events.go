package kit

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
)

// Spoken is a client of a gateway that speaks events.
type Spoken struct {
	*Client
	App *App
}

// Speak serves a table of events and connects to it.
func Speak(t testing.TB, bound ...wsgate.Binding[Data]) *Spoken {
	t.Helper()
	return SpeakIn(t, wsgate.Envelope{}, bound...)
}

// SpeakIn is speak with another envelope.
func SpeakIn(t testing.TB, e wsgate.Envelope, bound ...wsgate.Binding[Data]) *Spoken {
	t.Helper()
	return SpeakTo(t, NewApp(t, &wsgate.Options{Envelope: e}, RouteTo("/", &EventGateway{Table: bound})))
}

// SpeakTo connects to an App that has a table of events at "/".
func SpeakTo(t testing.TB, app *App) *Spoken {
	t.Helper()
	return &Spoken{Dialed(t, app, "/"), app}
}

// Dialed connects to a gateway that speaks events in one of three envelopes, and returns when the connection is open
// on the server's side too.
func Dialed(t testing.TB, app *App, target string) *Client {
	t.Helper()
	c := Dial(t, app, target)
	c.Say(`{"type":"?","event":"?","action":"?"}`)
	if answer := c.Hear(); !strings.Contains(answer, `"unknown_event"`) {
		t.Fatalf("got %s, want an error with code unknown_event", answer)
	}
	return c
}

// Asks sends text and checks the next message.
func (c *Spoken) Asks(text, want string) {
	c.t.Helper()
	c.Say(text)
	if got := c.Hear(); got != want {
		c.t.Errorf("sent %.200s\n got %.300s\nwant %.300s", text, got, want)
	}
}

// Silent checks that nothing is on its way to the client, in the flat form: the answer to a question is what comes next.
func (c *Spoken) Silent() {
	c.t.Helper()
	c.Asks(`{"type":"silent?","id":"silent"}`, `{"type":"error","id":"silent","code":"unknown_event","message":"unknown event \"silent?\""}`)
}

// Logged checks that the log has n lines with all of the words.
func (c *Spoken) Logged(n int, words ...string) {
	c.t.Helper()
	if got := c.App.Log.With(words...); len(got) != n {
		c.t.Errorf("%d lines in the log with %q, want %d: %q", len(got), words, n, c.App.Log.With())
	}
}

// Echo answers a call with the payload itself.
func Echo[T any](name string) wsgate.Binding[Data] {
	return wsgate.Answer(wsgate.Call[T, T](name), func(_ context.Context, _ *Conn, in T) (T, error) { return in, nil })
}

// Show answers a call with the payload as Go prints it.
func Show[T any](name string) wsgate.Binding[Data] {
	return wsgate.Answer(wsgate.Call[T, string](name), func(_ context.Context, _ *Conn, in T) (string, error) {
		return fmt.Sprintf("%+v", in), nil
	})
}

// Give answers a call with a value, whatever was asked.
func Give[A any](name string, answer A) wsgate.Binding[Data] {
	return wsgate.Answer(wsgate.Call[struct{}, A](name), func(context.Context, *Conn, struct{}) (A, error) { return answer, nil })
}

// Fail answers an event with an error.
func Fail(name string, err error) wsgate.Binding[Data] {
	return wsgate.On(wsgate.Event[struct{}](name), func(context.Context, *Conn, struct{}) error { return err })
}

// Push sends an event back as soon as the client asks for it.
func Push[T any](name string, payload T) wsgate.Binding[Data] {
	return wsgate.On(wsgate.Event[struct{}]("push "+name), func(_ context.Context, c *Conn, _ struct{}) error {
		return wsgate.Event[T](name).Emit(c, payload)
	})
}
