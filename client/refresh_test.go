package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// guest is the data of a session that ends.
type guest struct{ end time.Time }

func (g guest) ExpiresAt() time.Time { return g.end }

// hotel lets in whoever has the key of the day, each time for an hour.
type hotel struct {
	kit.Journal
	key string
}

func (h *hotel) check(token string) (guest, error) {
	h.Add("token %q", token)
	if token == "" || token != h.key {
		return guest{}, wsgate.Errorf(wsgate.Unauthenticated, "no key: %s", token)
	}
	return guest{time.Now().Add(time.Hour)}, nil
}

func (h *hotel) OnUpgrade(r *http.Request) (guest, error) { return h.check(r.Header.Get("Key")) }

func (h *hotel) OnRefresh(_ context.Context, _ *wsgate.Conn[guest], token string) (guest, error) {
	return h.check(token)
}

func (h *hotel) OnClose(_ context.Context, _ *wsgate.Conn[guest], err error) { h.Add("closed %v", err) }

// opened builds an App of the hotel.
func (h *hotel) opened(t *testing.T) *kit.App { return kit.NewApp(t, nil, kit.RouteTo("/", h)) }

const firstKey, secondKey = "key of monday", "key of tuesday"

// shown is a handshake with the key that is good then.
func (h *hotel) shown(_ context.Context, shake *client.Handshake) error {
	shake.Header.Set("Key", h.key)
	return nil
}

// count returns how many lines of the journal begin with a prefix.
func (h *hotel) count(prefix string) (n int) {
	for _, line := range h.All() {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

func TestRefresh(t *testing.T) {
	t.Run("the session goes on", bubble(func(t *testing.T) {
		h := &hotel{key: firstKey}
		called := 0
		dial(t, h.opened(t), client.Options{Handshake: h.shown, Refresh: func(context.Context) (string, error) {
			called++
			h.key = secondKey
			return secondKey, nil
		}})
		wstest.Pass(3 * time.Hour)
		if called != 3 || h.count("closed") > 0 {
			t.Errorf("asked %d times: %q", called, h.All())
		}
	}))
	t.Run("one token at a time", bubble(func(t *testing.T) {
		h := &hotel{key: firstKey}
		called := 0
		dial(t, h.opened(t), client.Options{Handshake: h.shown, Refresh: func(ctx context.Context) (string, error) {
			called++
			<-ctx.Done() // the connection ends
			return "", context.Cause(ctx)
		}})
		wstest.Pass(time.Hour + time.Minute)
		if called != 1 || h.count("closed wsgate: session expired") != 1 || h.count(`token "`+firstKey) != 2 {
			t.Errorf("asked %d times: %q", called, h.All())
		}
	}))
	t.Run("no Refresh: the client comes again", bubble(func(t *testing.T) {
		h := &hotel{key: firstKey}
		var seen states
		c := dial(t, h.opened(t), client.Options{Handshake: h.shown, OnState: seen.add})
		h.key = secondKey
		wstest.Pass(time.Hour + time.Minute)
		if c.State().Phase != client.Connected || h.count(`token "`+secondKey) != 1 {
			t.Errorf("%v: %q, %v", c.State(), h.All(), seen.list())
		}
	}))
	t.Run("nobody is logged in", bubble(func(t *testing.T) {
		h := &hotel{key: firstKey}
		left := false
		c := dial(t, h.opened(t), client.Options{
			Handshake: func(ctx context.Context, shake *client.Handshake) error {
				if left {
					return client.ErrClosed
				}
				return h.shown(ctx, shake)
			},
			Refresh: func(context.Context) (string, error) { return "", client.ErrClosed },
			OnError: func(_ context.Context, err error) { t.Error(err) },
		})
		left = true
		wstest.Pass(time.Hour + time.Minute)
		if s := c.State(); s.Phase != client.Closed || !errors.Is(s.Err, client.ErrClosed) {
			t.Errorf("got %v", s)
		}
	}))
	t.Run("tokens that are no good", bubble(func(t *testing.T) {
		h := &hotel{key: firstKey}
		var told kit.Journal
		answers := []func() (string, error){
			func() (string, error) { return "", errors.New("the network is down") },
			func() (string, error) { return secondKey, nil },
			func() (string, error) { panic("help") },
			func() (string, error) { return firstKey, nil },
		}
		c := dial(t, h.opened(t), client.Options{
			Handshake: h.shown,
			Refresh: func(context.Context) (string, error) {
				next := answers[0]
				answers = answers[1:]
				return next()
			},
			OnError: func(_ context.Context, err error) { told.Add("%v", err) },
		})
		wstest.Pass(time.Hour + time.Minute)
		const prefix = "client: the session was not renewed: "
		want := []string{prefix + "the network is down", prefix + "unauthenticated: no key: [token]", prefix + "wsgate: panic: help"}
		if got := told.All(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		if c.State().Phase != client.Connected || h.count("closed") > 0 {
			t.Errorf("%v: %q", c.State(), h.All())
		}
	}))
	t.Run("texts as they are", func(t *testing.T) {
		c := client.New(url, &client.Options{
			OnText:  func(context.Context, string) {},
			Refresh: func(context.Context) (string, error) { return "", nil },
		})
		if err := c.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), "Refresh") {
			t.Errorf("got %v", err)
		}
	})
}
