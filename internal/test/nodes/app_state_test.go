package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// build builds an App that is not started.
func build(t *testing.T, g *nodeGateway, o *wsgate.Options) *wsgate.App {
	t.Helper()
	o.Logger = slog.New(kit.NewLog())
	a, err := wsgate.New(moduleOf(g), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What whoever asks is answered in the course of an App's life.
func TestReady(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		g := &nodeGateway{closing: make(chan struct{})}
		a := build(t, g, &wsgate.Options{Broker: engine})
		want := func(want string) {
			t.Helper()
			w := httptest.NewRecorder()
			a.ServeReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			got := fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
			if got != want || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("got %s, want %s; header %v", got, want, w.Header())
			}
		}
		want("503 not started")
		if _, resp, err := memory.Dial(a, "/ws", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("before Start: got %v, want 503", err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("200 ok")
		engine.SetAway(errAway)
		want("503 the broker is away")
		c, _, err := memory.Dial(a, "/ws", nil) // is served all the same
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- a.Shutdown(t.Context()) }()
		for err == nil { // a client that gets events is told to connect elsewhere first
			_, _, err = c.Read(t.Context())
		}
		if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			t.Errorf("got %v, want 1012", err)
		}
		want("503 shutting down")
		close(g.closing)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		engine.SetAway(nil)
		want("503 shutting down")
		if err := a.Ready(); !errors.Is(err, wsgate.ErrShutdown) {
			t.Errorf("got %v, want ErrShutdown", err)
		}
	})
}

// OnBroker is the user's: it may panic, and take its time.
func TestOnBroker(t *testing.T) {
	kit.Bubble(t, "panics", func(t *testing.T) {
		engine := new(local.Broker)
		a := startApps(t, engine, 1, func(o *wsgate.Options) { o.OnBroker = func(*wsgate.Hub, error) { panic("a mistake") } })[0]
		for range 3 {
			engine.SetAway(errAway)
			engine.SetAway(nil)
		}
		wstest.Pass(0)
		for _, line := range a.log.With("OnBroker") {
			if !strings.Contains(line, "a mistake") || !strings.Contains(line, "stack=") {
				t.Errorf("logged %q, want what and where", line)
			}
		}
		if got := len(a.log.With("OnBroker")); got != 7 {
			t.Errorf("logged %d panics, want 7", got)
		}
		wstest.Quiet(a.Dial("/ws"))
	})
	kit.Bubble(t, "takes its time", func(t *testing.T) {
		engine := new(local.Broker)
		var happened kit.Journal
		apps := startApps(t, engine, 2, func(o *wsgate.Options) {
			o.OnBroker = func(_ *wsgate.Hub, err error) {
				happened.Add("begins %v", err)
				if err != nil {
					<-time.After(time.Minute)
				}
				happened.Add("ends %v", err)
			}
		})
		happened.WantNextInAnyOrder(t, "begins <nil>", "begins <nil>", "ends <nil>", "ends <nil>")
		wstest.Pass(time.Second / 2)
		engine.SetAway(errAway)
		engine.SetAway(nil)
		wstest.Pass(30 * time.Second)
		happened.WantNext(t, "begins gone fishing", "begins gone fishing")
		for _, a := range apps { // both nodes live
			if err := a.Hub().Disconnect(t.Context(), 4000, ""); err != nil {
				t.Error(err)
			}
		}
		wstest.Pass(time.Minute)
		happened.WantNextInAnyOrder(t, "ends gone fishing", "begins <nil>", "ends <nil>", "ends gone fishing", "begins <nil>", "ends <nil>")
	})
}

// Apps of one process that share a broker end one after the other, whether the engine is there or not.
func TestShutdownOneByOne(t *testing.T) {
	for _, away := range []bool{false, true} {
		kit.Bubble(t, fmt.Sprintf("away %v", away), func(t *testing.T) {
			engine := new(local.Broker)
			apps := startApps(t, engine, 3)
			var clients []*wstest.Client
			for _, a := range apps {
				clients = append(clients, a.Dial("/ws"))
				wstest.Do(clients[len(clients)-1], enter, "lobby")
			}
			if away {
				engine.SetAway(errAway)
			}
			for i, a := range apps {
				begin := time.Now()
				if err := a.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				wstest.ExpectClose(clients[i], websocket.StatusServiceRestart)
				if took := time.Since(begin); took > 2*time.Second { // the client does not answer that it connects elsewhere
					t.Errorf("Shutdown took %v", took)
				}
				if got := a.broker.Subscribed(); len(got) > 0 {
					t.Errorf("subscribed to %q after Shutdown, want nothing", got)
				}
				if err := a.Start(t.Context()); err == nil {
					t.Error("started again")
				}
				for j, other := range apps[i+1:] {
					if err := heard.Emit(other.in("lobby"), "still here"); errors.Is(err, wsgate.ErrBroker) != away {
						t.Errorf("sending from another: %v", err)
					}
					if got := wstest.Next(clients[i+1+j], heard); got != "still here" {
						t.Errorf("got %q", got)
					}
					wstest.Drain(clients[i+1:]...)
				}
			}
		})
	}
}

// An App whose start failed, or that was never started, leaves nothing.
func TestFailedStart(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		broker := kit.NewBroker(t, new(local.Broker))
		build(t, &nodeGateway{}, &wsgate.Options{Broker: broker})
		broker.SetAway(errAway)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin := time.Now()
		a := build(t, &nodeGateway{}, &wsgate.Options{Broker: broker})
		if err := a.Start(ctx); !errors.Is(err, wsgate.ErrBroker) || time.Since(begin) > 0 {
			t.Errorf("got %v after %v, want ErrBroker at once", err, time.Since(begin))
		}
		if err := a.Ready(); err == nil {
			t.Error("ready after a start that failed")
		}
		broker.SetAway(nil)
		wstest.Pass(time.Minute)
		broker.Calls.WantNext(t)
	})
}
