package wsgate_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// A hook that takes long is logged once, with what it handles and since when; and a shutdown that does not get through
// names it.
func TestSlowHandlers(t *testing.T) {
	const limit = 3 * time.Second
	for _, hook := range []string{"open", "message", "event", "close", "upgrade"} {
		kit.Bubble(t, hook, func(t *testing.T) {
			release := make(chan struct{})
			block := func(at string) {
				if at == hook {
					<-release
				}
			}
			hooks := kit.Hooks{
				Upgrade: func(*http.Request) (kit.Data, error) { block("upgrade"); return kit.Data{}, nil },
				Open:    func(context.Context, *kit.Conn) error { block("open"); return nil },
				Close:   func(context.Context, *kit.Conn, error) { block("close") },
			}
			opts := &wsgate.Options{Limits: wsgate.Limits{Handler: limit, Handshake: time.Minute}}
			app := kit.NewApp(t, opts,
				kit.RouteTo("/messages", &kit.MessageGateway{Hooks: hooks, Message: func(context.Context, *kit.Conn, wsgate.Message) error { block("message"); return nil }}),
				kit.RouteTo("/events", &kit.EventGateway{Hooks: hooks, Table: wsgate.Events[kit.Data]{
					wsgate.On(poke, func(context.Context, *kit.Conn, string) error { block("event"); return nil }),
				}}))
			path := "/messages"
			if hook == "event" {
				path = "/events"
			}
			begun := time.Now()
			if hook == "upgrade" {
				if resp := kit.DialRefused(t, app, path, nil); resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("got status %d", resp.StatusCode)
				}
			} else {
				c := kit.Dial(t, app, path)
				go c.Rest()
				switch hook {
				case "message":
					c.Say("x")
				case "event":
					c.Say(`{"type":"poke","data":""}`)
				case "close":
					c.Close(1000, "")
				}
				wstest.Pass(limit - 100*time.Millisecond)
				if lines := app.Log.With("does not return"); len(lines) != 0 {
					t.Errorf("logged early: %q", lines)
				}
				wstest.Pass(time.Hour)
			}
			words := []string{"WARN", "does not return", "hook=" + hook, "path=" + path}
			if hook == "event" {
				words = append(words, "event=poke")
			}
			lines := app.Log.With(words...)
			if len(lines) != 1 || len(app.Log.With("does not return")) != 1 {
				t.Fatalf("logged %q, want one line with %q", app.Log.With(), words)
			}
			if since := "since=" + begun.Format("2006-01-02 15:04:05"); hook != "upgrade" && !strings.Contains(lines[0], since) {
				t.Errorf("got %s, want %s", lines[0], since)
			}

			_, err := shutdownWithin(app, time.Second)
			want := "the " + hook + " hook on " + path
			if hook == "event" {
				want = `the handler of event "poke" on ` + path
			}
			if !errors.Is(err, context.DeadlineExceeded) || hook != "upgrade" && !strings.Contains(err.Error(), want) {
				t.Errorf("Shutdown returned %v, want it to name %s", err, want)
			}
			close(release)
			synctest.Wait()
		})
	}
}

// Handlers that return in time are not logged, however many there are and whatever the connection does between them.
func TestQuickHandlersAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Handler: time.Second}}, kit.RouteTo("/ws", &kit.MessageGateway{
			Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
				<-time.After(900 * time.Millisecond)
				return c.Send(m)
			},
		}))
		c := kit.Dial(t, app, "/ws")
		for range 20 {
			c.Say("x")
			c.Hears("x")
		}
		for range 20 {
			c.Say("x")
		}
		for range 20 {
			c.Hears("x")
		}
		if lines := app.Log.With("does not return"); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}
