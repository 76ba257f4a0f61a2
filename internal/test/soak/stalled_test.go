package soak

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"log/slog"
	"math"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

var stalledClients = flag.Int("stalled", 100, "how many clients do not read in TestStalled; each takes two files")

// square is a gateway of which all connections are in one room.
type square struct{ opened, slow atomic.Int64 }

func (s *square) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error {
	defer s.opened.Add(1)
	return c.Join("square")
}

func (s *square) OnClose(_ context.Context, _ *wsgate.Conn[struct{}], err error) {
	if errors.Is(err, wsgate.ErrSlowClient) {
		s.slow.Add(1)
	}
}

// crowd is an App with clients that do not read.
type crowd struct {
	t    *testing.T
	app  *wsgate.App
	hub  *square
	dial func() (net.Conn, error)
	room wsgate.Room
}

// gather opens the connections. Without a listener of the caller's they are plain.
func gather(t *testing.T, limits wsgate.Limits, n int, withTLS bool, listener func(net.Listener) net.Listener) *crowd {
	t.Helper()
	c := &crowd{t: t, hub: &square{}}
	var err error
	c.app, err = wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *square { return c.hub }}}},
		&wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: limits},
	)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln = listener(ln)
	c.dial = func() (net.Conn, error) { return net.Dial("tcp", addr) }
	if withTLS {
		known := httptest.NewTLSServer(nil)
		known.Close()
		ln = tls.NewListener(ln, &tls.Config{Certificates: known.TLS.Certificates})
		c.dial = func() (net.Conn, error) {
			return tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is not the point
		}
	}
	serveUntilEnd(t, c.app, ln)
	c.room = c.app.Hub().At("/").Room("square")
	var dialing sync.WaitGroup
	for i := range 8 {
		dialing.Go(func() {
			for range (n + i) / 8 {
				if c.join() == nil {
					return
				}
			}
		})
	}
	dialing.Wait()
	awaitCount(t, "connections that opened", &c.hub.opened, int64(n))
	return c
}

// serveUntilEnd serves the App until the test ends, and waits for Serve.
func serveUntilEnd(t *testing.T, app *wsgate.App, ln net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- app.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// join opens one connection, which lasts until the test ends. It returns nil if that fails, and the test with it.
func (c *crowd) join() net.Conn {
	conn, err := c.dial()
	if err == nil {
		c.t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		_, _, err = wire.Handshake(conn)
	}
	if err != nil {
		c.t.Error(err)
		return nil
	}
	return conn
}

func held() (heap, stacks float64) {
	runtime.GC()
	runtime.GC() // what pools have kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse)
}

// heldAtLast returns what is held when the writes that are under way have come to an end: the same twice.
func heldAtLast() (heap, stacks float64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	heap, stacks = held()
	for {
		<-tick.C
		was := heap + stacks
		if heap, stacks = held(); math.Abs(heap+stacks-was) < was/1000 {
			return heap, stacks
		}
	}
}

// Clients that do not read share what waits for them. One Send finds all their queues full, and is done with them in a
// moment however many there are; newcomers do not wait for it.
func TestStalled(t *testing.T) {
	const large, size, waiting = 1 << 20, 1000, 1000
	for _, over := range []string{"TCP", "TLS"} {
		t.Run(over, func(t *testing.T) {
			n := *stalledClients
			limits := wsgate.Limits{QueueMessages: waiting, QueueBytes: 4 << 20, Ping: time.Hour, Write: time.Hour, Close: time.Second}
			c := gather(t, limits, n, over == "TLS", func(ln net.Listener) net.Listener { return smallBuffers{ln} })
			heap, stacks := held()
			send := func(size int) (took time.Duration) {
				begun := time.Now()
				c.room.Send(wsgate.Text(string(make([]byte, size))))
				return time.Since(begun)
			}
			send(large) // more than the kernel takes, so that nobody's queue gets empty
			for range waiting - 1 {
				send(size)
			}
			heapThen, stacksThen := heldAtLast()
			t.Logf("%d clients that do not read, with %d messages of %d bytes: %.1f KiB of heap each, %.1f KiB of stack", n, waiting, size,
				(heapThen-heap-large)/1024/float64(n), (stacksThen-stacks)/1024/float64(n))

			joined := make(chan time.Duration)
			sent := make(chan struct{})
			go func() {
				var longest time.Duration
				for {
					begun := time.Now()
					c.join()
					longest = max(longest, time.Since(begun))
					select {
					case <-sent:
						joined <- longest
						return
					default:
					}
				}
			}()
			longest := send(size)
			close(sent)
			longestJoin := <-joined
			awaitCount(t, "clients that were evicted", &c.hub.slow, int64(n))
			t.Logf("all were evicted: Send took %v, the longest handshake of a newcomer %v", longest, longestJoin)
		})
	}
}
