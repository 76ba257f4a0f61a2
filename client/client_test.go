package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Events, calls and errors pass through both forms of the envelope, also those with an id of their own.
func TestForms(t *testing.T) {
	type card struct {
		ID   int    `json:"id"`
		Text string `json:"text"`
	}
	type line struct{ From, Text string }
	for name, e := range map[string]wsgate.Envelope{"flat": {}, "nested": {Type: "event", Data: "data"}, "renamed": {Type: "t", ID: "n"}} {
		kit.Bubble(t, name, func(t *testing.T) {
			app := kit.NewApp(t, &wsgate.Options{Envelope: e}, kit.RouteTo("/", gateway(
				kit.Echo[card]("card"), kit.Echo[line]("line"), kit.Echo[[]string]("list"), kit.Echo[map[string]int]("map"),
				kit.Echo[*line]("pointer"), kit.Push("pushed", card{7, "x"}),
			)))
			c := client.New(url, in(app, client.Options{Envelope: e}))
			pushed, said := make(chan card, 1), make(chan string, 1)
			client.On(c, wsgate.Event[card]("pushed"), func(_ context.Context, got card) { pushed <- got })
			client.On(c, Said, func(_ context.Context, text string) { said <- text })
			if err := c.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer shut(t, c)
			echoes(t, c, "card", card{3, "c"})
			echoes(t, c, "line", line{"ann", "hi"})
			echoes(t, c, "list", []string{"a", "b"})
			echoes(t, c, "map", map[string]int{"a": 1})
			echoes[*line](t, c, "pointer", nil)
			if err := client.Do(t.Context(), c, wsgate.Event[struct{}]("push pushed"), struct{}{}); err != nil {
				t.Error(err)
			}
			if got := <-pushed; got != (card{7, "x"}) {
				t.Errorf("got %v", got)
			}
			if err := client.Emit(t.Context(), c, Say, "hello"); err != nil {
				t.Error(err)
			}
			if got := <-said; got != "hello" {
				t.Errorf("got %q", got)
			}
			_, err := client.Call(t.Context(), c, Twice, "")
			failed, ok := errors.AsType[*wsgate.Error](err)
			want := &wsgate.Error{Code: wsgate.Invalid, Message: "say something", Details: []any{"text"}}
			if !ok || !reflect.DeepEqual(failed, want) {
				t.Errorf("got %#v, want %#v", err, want)
			}
			if _, err := client.Call(t.Context(), c, wsgate.Call[int, int]("nothing"), 1); !isCode(err, wsgate.UnknownEvent) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func isCode(err error, code wsgate.Code) bool {
	failed, ok := errors.AsType[*wsgate.Error](err)
	return ok && failed.Code == code
}

func echoes[T any](t *testing.T, c *client.Client, name string, v T) {
	t.Helper()
	if got, err := client.Call(t.Context(), c, wsgate.Call[T, T](name), v); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("%s: got %v, %v, want %v", name, got, err, v)
	}
}

// Every row of the protocol's table of close codes.
func TestCloseCodes(t *testing.T) {
	for code, again := range map[websocket.StatusCode]bool{
		1000: false, 1001: true, 1002: false, 1003: false, 1007: false, 1008: false, 1009: false, 1011: true, 1012: true, 1013: true,
		4401: true, 4409: false, 4000: false, 4999: false, 4001: true,
	} {
		kit.Bubble(t, fmt.Sprint(code), func(t *testing.T) {
			g, opened := gateway(), 0
			g.Hooks.Open = func(_ context.Context, c *kit.Conn) error {
				if opened++; opened == 1 {
					c.Close(code, "because")
				}
				return nil
			}
			var seen states
			c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", g)), client.Options{
				OnState: seen.add, Reconnect: []websocket.StatusCode{4001, 4409},
			})
			<-time.After(time.Second)
			synctest.Wait()
			want := client.Closed
			if again {
				want = client.Connected
			}
			if got := c.State(); got.Phase != want {
				t.Errorf("got %v, %v, want %v", got.Phase, got.Err, want)
			}
			ended := seen.list()[2]
			if closed, ok := errors.AsType[websocket.CloseError](ended.Err); !ok || closed.Code != code || closed.Reason != "because" {
				t.Errorf("got %v, want the close frame", ended.Err)
			}
			if !again {
				<-c.Done()
				if err := client.Emit(t.Context(), c, Say, "x"); !errors.Is(err, client.ErrClosed) {
					t.Errorf("got %v, want ErrClosed", err)
				}
			}
		})
	}
}

// A refusal that another attempt would not change ends the client, others do not.
func TestRefusals(t *testing.T) {
	for status, final := range map[int]bool{400: true, 401: true, 403: true, 404: true, 426: true, 501: true, 429: false, 500: false, 502: false, 503: false} {
		kit.Bubble(t, fmt.Sprint(status), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			err := client.New(url, in(refusing(status), client.Options{})).Dial(ctx)
			refused, ok := errors.AsType[*client.RefusedError](err)
			if !ok || refused.Status != status || refused.Text != "no" {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); final != (took == 0) || final == errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v after %v", err, took)
			}
		})
	}
}

// The waits are random below a bound that doubles from 0.5 to 20 s, and longer with Retry-After.
func TestBackoff(t *testing.T) {
	for name, after := range map[string]time.Duration{"": 0, "7": 7 * time.Second} {
		kit.Bubble(t, "Retry-After "+name, func(t *testing.T) {
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", name)
				w.WriteHeader(503)
			})
			var seen states
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_ = client.New(url, in(h, client.Options{OnState: seen.add})).Dial(ctx)
			bound, waits := 500*time.Millisecond, 0
			distinct := map[time.Duration]bool{}
			for _, s := range seen.list() {
				if s.Phase != client.Waiting {
					continue
				}
				if s.Wait < after || s.Wait >= after+bound {
					t.Errorf("wait %d: got %v, want %v to %v", waits, s.Wait, after, after+bound)
				}
				distinct[s.Wait] = true
				bound = min(2*bound, 20*time.Second)
				waits++
			}
			if waits < 100 || len(distinct) < waits/2 {
				t.Errorf("%d waits, %d distinct", waits, len(distinct))
			}
		})
	}
}

// A server that starts late, drains and comes back. Each attempt has fresh credentials, also after a failure to get any.
func TestRestart(t *testing.T) { bubble(testRestart)(t) }

func testRestart(t *testing.T) {
	s := &site{current: refusing(502)}
	var tokens []string
	g := gateway()
	g.Hooks.Upgrade = func(r *http.Request) (kit.Data, error) {
		tokens = append(tokens, r.Header.Get("Authorization")+" "+r.FormValue("n"))
		return kit.Data{}, nil
	}
	asked := 0
	opened := make(chan string, 10)
	var c *client.Client
	c = client.New(url, in(s, client.Options{
		Header: http.Header{"Authorization": {"none"}},
		Handshake: func(_ context.Context, h *client.Handshake) error {
			if asked++; asked == 1 {
				return errors.New("no token yet")
			}
			h.Header.Set("Authorization", fmt.Sprint("token ", asked))
			h.URL += fmt.Sprint("?n=", asked)
			return nil
		},
		OnState: func(ctx context.Context, s client.State) {
			if s.Phase == client.Connected {
				answer, err := client.Call(ctx, c, Twice, "x") // a call inside a handler
				opened <- fmt.Sprint(answer, err)
			}
		},
	}))
	first := kit.NewApp(t, nil, kit.RouteTo("/", g))
	time.AfterFunc(time.Minute, func() { s.serve(first) })
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer shut(t, c)
	if got := <-opened; got != "xx<nil>" {
		t.Errorf("got %s", got)
	}
	if err := first.End(); err != nil {
		t.Error(err)
	}
	s.serve(kit.NewApp(t, nil, kit.RouteTo("/", g)))
	if got := <-opened; got != "xx<nil>" {
		t.Errorf("got %s", got)
	}
	if len(tokens) != 2 || tokens[0] == tokens[1] || !strings.HasPrefix(tokens[0], "token ") || tokens[1] != fmt.Sprintf("token %d %d", asked, asked) {
		t.Errorf("got %q", tokens)
	}
}

// Nobody is logged in: a Handshake that returns ErrClosed ends the client.
func TestNobodyLoggedIn(t *testing.T) {
	bubble(func(t *testing.T) {
		why := fmt.Errorf("log in first: %w", client.ErrClosed)
		c := client.New(url, in(refusing(500), client.Options{Handshake: func(context.Context, *client.Handshake) error { return why }}))
		if err := c.Dial(t.Context()); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	})(t)
}

// Events are handled in order, and one at a time.
func TestOrder(t *testing.T) {
	bubble(func(t *testing.T) {
		const n = 3000
		count := wsgate.Event[int]("count")
		app := kit.NewApp(t, nil, kit.RouteTo("/", gateway(wsgate.On(wsgate.Event[struct{}]("go"), func(ctx context.Context, c *kit.Conn, _ struct{}) error {
			for i := range n {
				if err := count.Emit(c.Paced(ctx), i); err != nil {
					return err
				}
			}
			return nil
		}))))
		c := dial(t, app, client.Options{Inbox: 2})
		var got []int
		all := make(chan struct{})
		client.On(c, count, func(_ context.Context, i int) {
			if got = append(got, i); len(got) == n {
				close(all)
			}
		})
		if err := client.Emit(t.Context(), c, wsgate.Event[struct{}]("go"), struct{}{}); err != nil {
			t.Fatal(err)
		}
		<-all
		if !slices.IsSorted(got) {
			t.Error("out of order")
		}
	})(t)
}

// A handler may call while more messages wait than the inbox has room for: the answer behind them arrives.
func TestCallInHandler(t *testing.T) {
	bubble(func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/", gateway(wsgate.On(wsgate.Event[struct{}]("go"), func(_ context.Context, c *kit.Conn, _ struct{}) error {
			for i := range 50 {
				if err := Said.Emit(c, fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		}))))
		c := dial(t, app, client.Options{Inbox: 1})
		got := make(chan string, 50)
		client.On(c, Said, func(ctx context.Context, text string) {
			<-time.After(time.Second)
			answer, err := client.Call(ctx, c, Twice, text)
			if err != nil {
				t.Error(err)
			}
			got <- answer
		})
		if err := client.Emit(t.Context(), c, wsgate.Event[struct{}]("go"), struct{}{}); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			if answer, want := <-got, fmt.Sprint(i, i); answer != strings.ReplaceAll(want, " ", "") {
				t.Errorf("got %q, want %q", answer, want)
			}
		}
	})(t)
}

// A client whose envelope cannot be is told so, and can be closed.
func TestWrongEnvelope(t *testing.T) {
	c := client.New("ws://localhost:1", &client.Options{Envelope: wsgate.Envelope{Type: "x", ID: "x"}})
	if err := c.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("got %v, want an error that names the key", err)
	}
	if err := c.Close(t.Context()); err != nil || c.State().Phase != client.Closed {
		t.Errorf("Close: %v, and the client is %v", err, c.State().Phase)
	}
}
