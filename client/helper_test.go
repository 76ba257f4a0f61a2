package client_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

const url = "ws://example.com/"

const (
	Say   wsgate.Event[string]        = "say"
	Said  wsgate.Event[string]        = "said"
	Twice wsgate.Call[string, string] = "twice"
	Wait  wsgate.Call[int, int]       = "wait"
)

// gateway says again what is said, and answers Twice.
func gateway(more ...wsgate.Binding[kit.Data]) *kit.EventGateway {
	return &kit.EventGateway{Table: append(more,
		wsgate.On(Say, func(_ context.Context, c *kit.Conn, text string) error { return Said.Emit(c, text) }),
		wsgate.Answer(Twice, func(_ context.Context, _ *kit.Conn, text string) (string, error) {
			if text == "" {
				return "", &wsgate.Error{Code: wsgate.Invalid, Message: "say something", Details: []any{"text"}}
			}
			return text + text, nil
		}),
	)}
}

// site serves what is current, as an address does while servers come and go.
type site struct {
	mu      sync.Mutex // guards following
	current http.Handler
}

func (s *site) serve(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = h
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.current
	s.mu.Unlock()
	h.ServeHTTP(w, r)
}

func refusing(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) })
}

// in returns options for a client of a handler in this process.
func in(h http.Handler, o client.Options) *client.Options {
	o.HTTPClient = &http.Client{Transport: memory.Transport{Handler: h}}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &o
}

// dial connects a client, which is closed at the end of the test.
func dial(t *testing.T, h http.Handler, o client.Options) *client.Client {
	t.Helper()
	c := client.New(url, in(h, o))
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, c) })
	return c
}

func shut(t *testing.T, c *client.Client) {
	t.Helper()
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// bubble runs a test in fake time.
func bubble(f func(t *testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// states collects the phases of a client.
type states struct {
	mu  sync.Mutex // guards following
	all []client.State
}

func (s *states) add(_ context.Context, state client.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, state)
}

func (s *states) list() []client.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]client.State(nil), s.all...)
}
