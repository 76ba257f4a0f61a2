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
	"github.com/wsgate/wsgate/wstest"
)

// A hook that takes long is logged once, with what it handles and since when; and a shutdown that does not get through
// names it.
func TestSlowHandlers(t *testing.T) {
	const limit = 3 * time.Second
	for _, hook := range []string{"open", "message", "event", "close", "upgrade"} {
		bubble(t, hook, func(t *testing.T) {
			release := make(chan struct{})
			block := func(at string) {
				if at == hook {
					<-release
				}
			}
			hooks := testHooks{
				upgrade: func(*http.Request) (testData, error) { block("upgrade"); return testData{}, nil },
				open:    func(context.Context, *testConn) error { block("open"); return nil },
				close:   func(context.Context, *testConn, error) { block("close") },
			}
			opts := &wsgate.Options{Limits: wsgate.Limits{Handler: limit, Handshake: time.Minute}}
			app := newApp(t, opts,
				routeTo("/messages", &messageGateway{hooks, func(context.Context, *testConn, wsgate.Message) error { block("message"); return nil }}),
				routeTo("/events", &eventGateway{hooks, wsgate.Events[testData]{
					wsgate.On(poke, func(context.Context, *testConn, string) error { block("event"); return nil }),
				}}))
			path := "/messages"
			if hook == "event" {
				path = "/events"
			}
			begun := time.Now()
			if hook == "upgrade" {
				if resp := dialRefused(t, app, path, nil); resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("got status %d", resp.StatusCode)
				}
			} else {
				c := dial(t, app, path)
				go c.rest()
				switch hook {
				case "message":
					c.say("x")
				case "event":
					c.say(`{"type":"poke"}`)
				case "close":
					c.Close(1000, "")
				}
				wstest.Pass(limit - 100*time.Millisecond)
				if lines := app.log.with("does not return"); len(lines) != 0 {
					t.Errorf("logged early: %q", lines)
				}
				wstest.Pass(time.Hour)
			}
			words := []string{"WARN", "does not return", "hook=" + hook, "path=" + path}
			if hook == "event" {
				words = append(words, "event=poke")
			}
			lines := app.log.with(words...)
			if len(lines) != 1 || len(app.log.with("does not return")) != 1 {
				t.Fatalf("logged %q, want one line with %q", app.log.with(), words)
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
		app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{Handler: time.Second}}, routeTo("/ws", &messageGateway{
			message: func(_ context.Context, c *testConn, m wsgate.Message) error {
				<-time.After(900 * time.Millisecond)
				return c.Send(m)
			},
		}))
		c := dial(t, app, "/ws")
		for range 20 {
			c.say("x")
			c.hears("x")
		}
		for range 20 {
			c.say("x")
		}
		for range 20 {
			c.hears("x")
		}
		if lines := app.log.with("does not return"); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}
