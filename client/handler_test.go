package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// A handler that panics or calls runtime.Goexit affects no other, and a panic is logged with its stack.
func TestHandlersThatFail(t *testing.T) {
	bubble(func(t *testing.T) {
		log := kit.NewLog()
		var failed []error
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", gateway())), client.Options{
			Logger:  slog.New(log),
			OnState: func(context.Context, client.State) { panic("in OnState") },
			OnError: func(_ context.Context, err error) {
				failed = append(failed, err)
				panic("in OnError")
			},
		})
		got := make(chan string, 3)
		client.On(c, Said, func(_ context.Context, text string) {
			switch text {
			case "panic":
				panic("mistake")
			case "exit":
				runtime.Goexit()
			}
			got <- text
		})
		for _, text := range []string{"panic", "exit", "fine"} {
			if err := client.Emit(t.Context(), c, Say, text); err != nil {
				t.Error(err)
			}
		}
		if text := <-got; text != "fine" {
			t.Errorf("got %q", text)
		}
		for _, words := range []string{"mistake", "in OnState", "in OnError"} {
			if lines := log.With("panicked", words, "stack="); len(lines) == 0 {
				t.Errorf("no line about %q in %q", words, log.With())
			}
		}
		var values []string
		for _, err := range failed {
			if p, ok := errors.AsType[*wsgate.PanicError](err); ok {
				values = append(values, fmt.Sprint(p.Value))
			}
		}
		if want := "in OnState,in OnState,mistake"; strings.Join(values, ",") != want {
			t.Errorf("OnError got %q, want %s", values, want)
		}
	})(t)
}

// What no function returns goes to OnError, or to the log.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"other"}`:         `event "other" has no handler`,
		`{"type":"said","data":5}`: `event "said": it is a number, want a string`,
		`{"type":"said"}`:          `event "said": the payload is missing`,
		`{"type":`:                 "not an envelope",
		`{"kind":"said"}`:          "not an envelope",
		`{"type":"error","code":"denied","message":"go away"}`: "denied: go away",
		"binary": "there is no OnBinary",
	} {
		kit.Bubble(t, text, func(t *testing.T) {
			m := wsgate.Text(text)
			if text == "binary" {
				m = wsgate.Binary([]byte(text))
			}
			app := kit.NewApp(t, nil, kit.RouteTo("/", gateway(wsgate.On(wsgate.Event[struct{}]("push"), func(_ context.Context, c *kit.Conn, _ struct{}) error {
				return c.Send(m)
			}))))
			log := kit.NewLog()
			got := make(chan error, 1)
			for _, o := range []client.Options{
				{OnError: func(_ context.Context, err error) { got <- err }},
				{Logger: slog.New(log)},
			} {
				c := dial(t, app, o)
				client.On(c, Said, func(context.Context, string) { t.Error("handled") })
				if err := client.Do(t.Context(), c, wsgate.Event[struct{}]("push"), struct{}{}); err != nil {
					t.Error(err)
				}
				synctest.Wait()
			}
			if err := <-got; !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if len(log.With("WARN client: error")) != 1 {
				t.Errorf("the log has %q", log.With())
			}
		})
	}
}

// Messages pass as they are to and from a gateway that takes them raw.
func TestRaw(t *testing.T) {
	bubble(func(t *testing.T) {
		got := make(chan string, 1)
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", &kit.MessageGateway{})), client.Options{
			OnText:   func(_ context.Context, text string) { got <- "text " + text },
			OnBinary: func(_ context.Context, data []byte) { got <- "binary " + string(data) },
		})
		for _, m := range []wsgate.Message{wsgate.Text("hello"), wsgate.Text(""), wsgate.Binary([]byte("\xff")), wsgate.Binary(nil)} {
			want := "text " + string(m.Data)
			if m.Type == websocket.MessageBinary {
				want = "binary " + string(m.Data)
			}
			if err := c.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
			if text := <-got; text != want {
				t.Errorf("got %q, want %q", text, want)
			}
		}
		if _, err := client.Call(t.Context(), c, Twice, "x"); err == nil {
			t.Error("a call without answers is made")
		}
		for _, m := range []wsgate.Message{wsgate.Text("\xff"), {}} {
			if err := c.Send(t.Context(), m); err == nil {
				t.Errorf("%v is sent", m)
			}
		}
	})(t)
}

// Mistakes in the use of the client are errors at once, and not after attempts for ever.
func TestMistakes(t *testing.T) {
	bubble(func(t *testing.T) {
		for _, bad := range []string{"", "example.com/ws", "ftp://example.com", "ws://", "ws://%"} {
			if err := client.New(bad, in(refusing(500), client.Options{})).Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "URL") {
				t.Errorf("%q: got %v", bad, err)
			}
		}
		twice := client.Options{Envelope: wsgate.Envelope{Type: "id"}}
		if err := client.New(url, in(refusing(500), twice)).Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "used twice") {
			t.Errorf("got %v", err)
		}
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", gateway())), client.Options{})
		for _, name := range []wsgate.Event[string]{"", "error", "$x", "a\nb"} {
			if err := client.Emit(t.Context(), c, name, "x"); err == nil {
				t.Errorf("event %q is sent", name)
			}
		}
		if err := client.Emit(t.Context(), c, wsgate.Event[func()]("f"), nil); err == nil {
			t.Error("a function is sent")
		}
		if err := c.Dial(t.Context()); err == nil {
			t.Error("a client dials twice")
		}
	})(t)
}

// The header reaches the server, and so do subprotocols.
func TestHandshake(t *testing.T) {
	bubble(func(t *testing.T) {
		got := make(chan http.Header, 1)
		g := gateway()
		g.Hooks.Upgrade = func(r *http.Request) (kit.Data, error) {
			got <- r.Header
			return kit.Data{}, nil
		}
		route := kit.RouteTo("/", g)
		route.Subprotocols = []string{"v2"}
		dial(t, kit.NewApp(t, nil, route), client.Options{Header: http.Header{"X-Token": {"t"}}, Subprotocols: []string{"v1", "v2"}})
		if h := <-got; h.Get("X-Token") != "t" || h.Get("Sec-WebSocket-Protocol") != "v1,v2" {
			t.Errorf("got %v", h)
		}
	})(t)
}
