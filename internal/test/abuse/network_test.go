package abuse

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// heartbeat are limits under which a silent peer is found in about two of short.
var heartbeat = wsgate.Limits{Ping: short, Pong: short, Close: short, Write: short}

// found checks that a dead peer was found when its ping was not answered: not before, and not much later.
func found(t *testing.T, c *client, begun time.Time, causes ...error) {
	t.Helper()
	e := c.s.book.of(c.name)
	if !within(patience, e.closed) {
		t.Fatal("OnClose did not run")
	}
	took := time.Since(begun)
	if limit := 2 * short; took < limit*8/10 || took > ratio*limit {
		t.Errorf("it was found after %v, want %v", took, limit)
	}
	for _, cause := range causes {
		if errors.Is(e.causes[0], cause) {
			return
		}
	}
	t.Errorf("OnClose got %v, want one of %v", e.causes[0], causes)
}

// Row 60: from one moment on nothing goes through, in either direction, and nobody is told.
func blackHole(t *testing.T) {
	busy := make(chan struct{}, 1)
	s := start(t, setup{limits: heartbeat, most: 64 << 20, hooks: hooks{message: func(ctx context.Context, c *conn, m wsgate.Message) error {
		switch string(m.Data) {
		case "close":
			c.Close(1000, "bye")
		case "work":
			busy <- struct{}{}
			<-ctx.Done()
		default:
			return c.Send(m)
		}
		return nil
	}}})
	through := func(t *testing.T) (*client, *proxy) {
		p := newProxy(t, s, &proxy{})
		c := s.dialTo(t, p.addr, 0).handshake()
		c.echoes()
		return c, p
	}
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		c, p := through(t)
		begun := time.Now()
		close(p.hole)
		found(t, c, begun, wsgate.ErrPingTimeout)
	})
	t.Run("inside a message", func(t *testing.T) {
		t.Parallel()
		c, p := through(t)
		c.put(header(text, 100, 0))
		c.idle(short / 10)
		begun := time.Now()
		close(p.hole)
		found(t, c, begun, wsgate.ErrPingTimeout)
	})
	t.Run("the server writes little", func(t *testing.T) {
		t.Parallel()
		c, p := through(t)
		begun := time.Now()
		close(p.hole)
		s.pour(t, c, 100, 10*time.Millisecond)
		found(t, c, begun, wsgate.ErrPingTimeout)
	})
	t.Run("the server writes much", func(t *testing.T) {
		t.Parallel()
		c, p := through(t)
		begun := time.Now()
		close(p.hole)
		s.pour(t, c, 256<<10, 10*time.Millisecond)
		found(t, c, begun.Add(-2*short), wsgate.ErrPingTimeout, wsgate.ErrSlowClient) // either may come first
	})
	t.Run("while closing", func(t *testing.T) {
		t.Parallel()
		c, p := through(t)
		c.put(masked(text, []byte("close")))
		c.hears(wire.Frame{First: closing, Payload: []byte("\x03\xe8bye")})
		begun := time.Now()
		close(p.hole)
		c.closedWith(nil)
		if took := time.Since(begun); took > ratio*short {
			t.Errorf("it took %v, want %v", took, short)
		}
	})
	t.Run("before closing", func(t *testing.T) {
		t.Parallel()
		c, p := through(t)
		close(p.hole)
		begun := time.Now()
		for any := range s.app.Hub().At(attacked).Conns() {
			if any.(*conn).Data.name == c.name { // set before OnOpen, and not changed
				any.Close(1000, "bye")
			}
		}
		c.closedWith(nil)
		if took := time.Since(begun); took < short*9/10 || took > ratio*short {
			t.Errorf("it took %v, want %v", took, short)
		}
	})
}

// pour sends to one connection until it is closed.
func (s *server) pour(t *testing.T, c *client, size int, every time.Duration) {
	t.Helper()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	message := wsgate.Binary(make([]byte, size))
	gone := s.book.of(c.name).closed
	for begun := time.Now(); time.Since(begun) < patience; {
		for any := range s.app.Hub().At(attacked).Conns() {
			if any.(*conn).Data.name == c.name {
				any.Send(message)
			}
		}
		select {
		case <-gone:
			return
		case <-ticker.C:
		}
	}
}

// Row 64: the client's process is stopped, and its system goes on acknowledging what is sent.
func stoppedClient(t *testing.T) {
	s := start(t, setup{limits: heartbeat})
	for i := range 20 {
		c := s.connect(t)
		begun := time.Now()
		if i%2 == 0 {
			c.put(masked(text, hello))
		}
		defer found(t, c, begun, wsgate.ErrPingTimeout)
	}
}

// Row 63: a slow network that loses segments is not a dead one.
func poorNetwork(t *testing.T) {
	const delay = 60 * time.Millisecond
	s := start(t, setup{limits: wsgate.Limits{Ping: 3 * delay, Pong: 12 * delay}})
	for _, tc := range []struct {
		name    string
		loss    float64
		segment int
	}{
		{"latency", 0, 0},
		{"loss", 0.2, 0},
		{"segments of one byte", 0, 1},
		{"all of it", 0.2, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, s, &proxy{delay: delay, loss: tc.loss, segment: tc.segment})
			c := s.dialTo(t, p.addr, 0).handshake()
			for range 2 { // each ping comes after a silence, and is answered late
				c.SetReadDeadline(time.Now().Add(patience))
				f, err := wire.ReadFrame(c.in)
				if err != nil || f.First != ping {
					t.Fatalf("got %v, %v, want a ping", f, err)
				}
				c.put(masked(pong, f.Payload))
			}
			c.echoes()
			c.put(closeFrame(1000, ""))
			c.SetReadDeadline(time.Now().Add(patience))
			if f, err := wire.ReadFrame(c.in); err != nil || f.First != closing {
				t.Errorf("got %v, %v", f, err)
			}
			c.closedWith(nil)
		})
	}
}

// Row 61: the connection is reset at every moment.
func resetAnywhere(t *testing.T) {
	entered, cause := make(chan struct{}, 1), make(chan error, 1)
	wait := func(ctx context.Context) {
		entered <- struct{}{}
		<-ctx.Done()
		cause <- context.Cause(ctx)
	}
	s := start(t, setup{
		limits: wsgate.Limits{QueueBytes: 64 << 20, QueueMessages: 1 << 20}, most: 96 << 20,
		hooks: hooks{
			open: func(ctx context.Context, c *conn) error {
				if bytes.HasPrefix([]byte(c.Data.name), []byte("slow")) {
					wait(ctx)
				}
				return nil
			},
			message: func(ctx context.Context, c *conn, m wsgate.Message) error {
				if string(m.Data) == "wait" {
					wait(ctx)
					return nil
				}
				return push(ctx, c, m)
			},
		},
	})
	for _, tc := range []struct {
		name string
		send []byte
	}{
		{"between frames", nil},
		{"inside a header", header(text, 300, 0)[:3]},
		{"inside a payload", masked(text, hello)[:8]},
		{"inside a message", masked(begins, hello)},
		{"inside a ping", masked(ping, hello)[:8]},
		{"after a message", masked(text, []byte("push 1 1"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.connect(t)
			c.put(tc.send)
			c.idle(5 * time.Millisecond)
			c.reset()
			c.closedWith(errLost)
		})
	}
	t.Run("while the server writes", func(t *testing.T) {
		c := s.slow(t)
		c.put(masked(text, []byte("push 16 1048576")))
		c.idle(5 * time.Millisecond)
		c.reset()
		c.closedWith(errLost)
	})
	t.Run("during OnOpen", func(t *testing.T) {
		c := s.dial(t)
		c.name = "slow " + c.name
		c.put(s.upgrade(attacked + "?name=slow+" + c.name[5:]))
		c.upgraded()
		<-entered
		c.reset()
		if err := <-cause; err == nil {
			t.Error("the context was cancelled without a cause")
		}
		c.closedWith(errLost)
	})
	t.Run("while a handler runs", func(t *testing.T) {
		c := s.connect(t)
		c.put(masked(text, []byte("wait")))
		<-entered
		c.reset()
		if err := <-cause; err == nil {
			t.Error("the context was cancelled without a cause")
		}
		c.closedWith(errLost)
	})
}

// Row 62: a client that will send no more is gone, and its socket is closed.
func halfClose(t *testing.T) {
	s := start(t, setup{hooks: hooks{message: func(ctx context.Context, c *conn, m wsgate.Message) error {
		if string(m.Data) == "wait" {
			<-ctx.Done()
			return nil
		}
		return push(ctx, c, m)
	}}})
	for _, tc := range []struct {
		name  string
		send  []byte
		code  int
		cause error
	}{
		{"at once", nil, int(noFrame), errLost},
		{"inside a header", header(text, 300, 0)[:3], int(noFrame), errLost},
		{"before the mask", header(text, 5, 0)[:4], int(noFrame), errLost},
		{"inside a payload", masked(text, hello)[:8], int(noFrame), errLost},
		{"inside a message", masked(begins, hello), int(noFrame), errLost},
		{"after a message", masked(text, []byte("push 1 10")), int(noFrame), errLost},
		{"while a handler runs", masked(text, []byte("wait")), int(noFrame), errLost},
		{"after a close frame", closeFrame(1001, ""), 1001, nil},
		{"after a violation", masked(text, []byte("\xff")), 1007, errViolation},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.connect(t)
			c.put(tc.send)
			c.tcp.CloseWrite()
			e := c.last(late)
			if e.open || e.reset || int(e.code) != tc.code {
				t.Errorf("got close code %d, open is %v, reset is %v; want %d", e.code, e.open, e.reset, tc.code)
			}
			c.closedWith(tc.cause)
		})
	}
}
