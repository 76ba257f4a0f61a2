package soak

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

var restartFor = flag.Int("restart", 100, "how many clients TestRestart has")

// retryDelay is how long the clients of TestRestart wait before they try again: all the same, and much too short.
const retryDelay = 100 * time.Millisecond

// returner is a gateway that counts who is there.
type returner struct{ open atomic.Int64 }

func (g *returner) OnOpen(context.Context, *wsgate.Conn[struct{}]) error {
	g.open.Add(1)
	return nil
}

// process is one run of a server.
type process struct {
	gateway *returner
	stop    context.CancelFunc
	served  chan error
}

func startProcess(t *testing.T, ln net.Listener) *process {
	t.Helper()
	p := &process{gateway: &returner{}, served: make(chan error, 1)}
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *returner { return p.gateway }}}},
		&wsgate.Options{Logger: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go func() { p.served <- app.Serve(ctx, ln) }()
	return p
}

// attempts counts how the clients' handshakes ended.
type attempts struct{ accepted, answered, failed atomic.Int64 }

// comeBack connects again and again, until the context is done.
func (a *attempts) comeBack(ctx context.Context, addr string) {
	own := &http.Transport{DisableKeepAlives: true}
	for ctx.Err() == nil {
		ws, resp, err := websocket.Dial(ctx, "ws://"+addr+"/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: own}})
		switch {
		case err == nil:
			a.accepted.Add(1)
			_, _, _ = ws.Read(ctx) // until it ends, and answers the close frame
			_ = ws.CloseNow()
			continue
		case resp != nil:
			a.answered.Add(1)
		default:
			a.failed.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryDelay):
		}
	}
}

// A server that is restarted under clients who do not wait for long: it ends soon, and all of them come back to the next.
func TestRestart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, count := ln.Addr().String(), int64(*restartFor)
	first := startProcess(t, ln)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	var a attempts
	for range count {
		clients.Go(func() { a.comeBack(ctx, addr) })
	}
	awaitCount(t, "connections that opened", &first.gateway.open, count)

	begun := time.Now()
	first.stop()
	if err := <-first.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	drained, answered, failed := time.Since(begun), a.answered.Load(), a.failed.Load()

	ln, err = net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	listening := time.Now()
	second := startProcess(t, ln)
	awaitCount(t, "connections that opened", &second.gateway.open, count)
	t.Logf("%d clients that try again after %v: the server drained in %v, meanwhile %d attempts were answered with 503 and %d were not; "+
		"all were back %v after the next one listened, and after %d attempts in all",
		count, retryDelay, drained.Round(time.Millisecond), answered, failed, time.Since(listening).Round(time.Millisecond),
		a.accepted.Load()+a.answered.Load()+a.failed.Load()-count)
	second.stop()
	if err := <-second.served; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve: %v", err)
	}
}

// awaitCount waits until so many of what is counted are there.
func awaitCount(t *testing.T, what string, counted *atomic.Int64, count int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); counted.Load() < count && !t.Failed(); <-tick.C {
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%s: %d of %d after two minutes", what, counted.Load(), count)
		}
	}
}
