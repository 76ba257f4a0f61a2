package main_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
	"github.com/wsgate/wsgate/examples/internal/chromium"
	"github.com/wsgate/wsgate/internal/test/leak"
)

// patience is how long a test waits for what it waits for.
const patience = time.Minute

func TestMain(m *testing.M) {
	os.Exit(leak.Check(func() int {
		defer http.DefaultClient.CloseIdleConnections()
		defer chromium.Stop()
		return m.Run()
	}))
}

// server is the chat and its page, serving.
type server struct {
	addr string
	app  *wsgate.App
	stop func() // waits for the end; also called when the test ends
}

// start starts the chat with a database of its own.
func start(t *testing.T) *server {
	t.Helper()
	return serve(t, "localhost:0", filepath.Join(t.TempDir(), "chat.db"))
}

// serve starts the chat on an address, "localhost:0" for any port.
func serve(t *testing.T, addr, db string) *server {
	t.Helper()
	return serveNode(t, nil, addr, db)
}

// serveNode starts one of the nodes that are on a broker.
func serveNode(t *testing.T, broker wsgate.Broker, addr, db string) *server {
	t.Helper()
	app := newNode(t, broker, db)
	ln := listen(t, addr)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, ln) }()
	s := &server{addr: ln.Addr().String(), app: app}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func TestReadiness(t *testing.T) {
	app := newApp(t, filepath.Join(t.TempDir(), "chat.db"))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 ok\n", "503 shutting down\n"} {
		res := httptest.NewRecorder()
		app.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if got := fmt.Sprint(res.Code, " ", res.Body); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		shutdown(t, app)
	}
}

func TestBrokerOfTheCommandLine(t *testing.T) {
	for _, tt := range []struct {
		options chat.Options
		want    string // the type, or what an error says
	}{
		{chat.Options{}, "<nil>"},
		{chat.NewOptions("nats://localhost:1", ""), "*nats.Broker"},
		{chat.NewOptions("", "redis://localhost:1"), "*redis.Broker"},
		{chat.NewOptions("nats://localhost:1", "redis://localhost:1"), "want one of them"},
		{chat.NewOptions("http://localhost:1", ""), "URL"},
		{chat.NewOptions("", "http://localhost:1"), "URL"},
	} {
		broker, closeBroker, err := chat.NewBroker(tt.options)
		got := fmt.Sprintf("%T", broker)
		if err != nil {
			got = err.Error()
		} else if err := closeBroker(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%v: got %s, want %s", tt.options, got, tt.want)
		}
	}
}

// newApp returns the chat, which does not serve yet and is shut down when the test ends.
func newApp(t *testing.T, db string) *wsgate.App {
	t.Helper()
	return newNode(t, nil, db)
}

func newNode(t *testing.T, broker wsgate.Broker, db string) *wsgate.App {
	t.Helper()
	app, err := chat.NewApp(db, wsgate.Options{Broker: broker, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, app) })
	return app
}

// shutdown may be called more than once.
func shutdown(t *testing.T, app *wsgate.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := app.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// listen waits for the address if somebody else has it: a port that was just given up can be taken for a moment.
func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		ln, err := net.Listen("tcp", addr)
		if err == nil {
			return ln
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
