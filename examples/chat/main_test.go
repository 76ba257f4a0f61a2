package main_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
	"github.com/wsgate/wsgate/internal/leak"
)

// patience is how long a test waits for what it waits for.
const patience = time.Minute

func TestMain(m *testing.M) {
	os.Exit(leak.Check(func() int {
		defer http.DefaultClient.CloseIdleConnections()
		defer closeBrowser()
		return m.Run()
	}))
}

// server is the chat and its page, serving.
type server struct {
	addr string
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
	app := newApp(t, db)
	ln := listen(t, addr)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, ln) }()
	s := &server{addr: ln.Addr().String()}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// newApp returns the chat, which does not serve yet and is shut down when the test ends.
func newApp(t *testing.T, db string) *wsgate.App {
	t.Helper()
	app, err := chat.NewApp(db, &wsgate.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
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
