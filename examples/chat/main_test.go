package main_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
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

// server is the chat, serving.
type server struct {
	t    *testing.T
	app  *wsgate.App
	addr string
	stop func() // waits for the end; also called when the test ends
}

// serve starts the chat on an address, "localhost:0" for any port.
func serve(t *testing.T, addr, db string) *server {
	t.Helper()
	return serveApp(t, addr, newApp(t, db))
}

func serveApp(t *testing.T, addr string, app *wsgate.App) *server {
	t.Helper()
	ln := listen(t, addr)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, ln) }()
	s := &server{t: t, app: app, addr: ln.Addr().String()}
	stopped := false
	s.stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(s.stop)
	return s
}

func newApp(t *testing.T, db string) *wsgate.App {
	t.Helper()
	app, err := chat.NewApp(db, logged(t))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// logged has an App log to the test's output.
func logged(t *testing.T) *wsgate.Options {
	return &wsgate.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
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
