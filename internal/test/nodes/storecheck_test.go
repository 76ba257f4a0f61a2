package nodes_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// poorStore is a Broker whose tables do not work.
type poorStore struct {
	wstest.Broker
	update, rows atomic.Pointer[error] // what they return; nil for what the Broker does
	hang         atomic.Pointer[chan struct{}]
}

func (s *poorStore) Update(ctx context.Context, table string, rows map[string][]byte) error {
	if err := s.update.Load(); err != nil {
		return *err
	}
	return s.Broker.Update(ctx, table, rows)
}

func (s *poorStore) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	if hang := s.hang.Load(); hang != nil {
		<-*hang
	}
	if err := s.rows.Load(); err != nil {
		return nil, *err
	}
	return s.Broker.Rows(ctx, table)
}

var errNoTables = errors.New("no tables here: buy some")

func visitors(t *testing.T, o *wsgate.Options) *kit.App {
	return kit.NewApp(t, o, kit.RouteTo("/visitors", &visitorGateway{}))
}

// An App that tracks does not start without a PresenceStore that works, and says what the engine lacks.
func TestStartWithoutStore(t *testing.T) {
	for method, fail := range map[string]func(*poorStore){
		"Update": func(s *poorStore) { s.update.Store(&errNoTables) },
		"Rows":   func(s *poorStore) { s.rows.Store(&errNoTables) },
	} {
		kit.Bubble(t, method, func(t *testing.T) {
			s := new(poorStore)
			fail(s)
			app := visitors(t, &wsgate.Options{Broker: s})
			begun := time.Now()
			err := app.Start(t.Context())
			if !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errNoTables) {
				t.Fatalf("got %v, want ErrBroker and what the store says", err)
			}
			for _, text := range []string{"/visitors", "StartWithoutBroker"} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("got %v, want %s in it", err, text)
				}
			}
			if took := time.Since(begun); took != 0 {
				t.Errorf("it took %v, want that it fails at once", took)
			}
			if app.Ready() == nil {
				t.Error("an App that has not started is ready")
			}
			other := kit.NewApp(t, &wsgate.Options{Broker: s}, kit.RouteTo("/", &kit.MessageGateway{}))
			if err := other.Start(t.Context()); err != nil || other.Ready() != nil {
				t.Errorf("got %v, %v, want that an App which does not track needs no tables", err, other.Ready())
			}
		})
	}
}

// A store that ignores its context holds neither the start nor the end up.
func TestStartWithSilentStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hang := new(poorStore), make(chan struct{})
		s.hang.Store(&hang)
		app := visitors(t, &wsgate.Options{Broker: s})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := app.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the time is over", err)
		}
		close(hang)
		synctest.Wait()
	})
}

// With StartWithoutBroker the App starts, is not ready while the store fails, also later, and is again when it works.
func TestDegradedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(poorStore)
		s.update.Store(&errNoTables)
		app := visitors(t, &wsgate.Options{Broker: s, StartWithoutBroker: true})
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		const logged = "who is present on other nodes is not known"
		wants := func(ready bool, lines int) {
			t.Helper()
			synctest.Wait()
			err := app.Ready()
			if (err == nil) != ready || !ready && (!errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errNoTables)) {
				t.Errorf("Ready returns %v, want nil: %v", err, ready)
			}
			want := "ok\n"
			if !ready {
				want = "the broker keeps no presence\n"
			}
			w := httptest.NewRecorder()
			app.ServeReady(w, nil)
			if got := w.Body.String(); got != want {
				t.Errorf("ServeReady answers %q, want %q", got, want)
			}
			if got := app.Log.With(logged); len(got) != lines {
				t.Errorf("the log has %q, want %d lines", got, lines)
			}
		}
		wants(false, 1)
		wstest.Pass(time.Minute)
		wants(false, 1) // it is tried all the time, and said once
		s.update.Store(nil)
		wstest.Pass(5 * time.Second)
		wants(true, 1)

		c := kit.Dial(t, app, "/visitors?id=1&name=ann")
		s.update.Store(&errNoTables) // a right was taken away
		c.Say(`{"type":"enter","id":1,"data":"lobby"}`)
		wstest.Pass(5 * time.Second)
		wants(false, 2)
		s.SetAway(errAway)
		synctest.Wait()
		if err := app.Ready(); !errors.Is(err, errAway) {
			t.Errorf("Ready returns %v, want that the engine is away", err)
		}
		s.update.Store(nil)
		s.SetAway(nil) // it is tried again at once
		wants(true, 2)
		c.Close(1000, "")
		wstest.Pass(time.Minute)
	})
}
