package abuse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// Row 14: a path leads to the gateway that has it or to none.
func pathTricks(t *testing.T) {
	var seen string // the room of the last upgrade
	rooms := &gateway{entrance{book: newBook(), hooks: hooks{upgrade: func(r *http.Request) error {
		seen = r.PathValue("room")
		return wsgate.Errorf(wsgate.Conflict, "room %q", seen)
	}}}}
	admin := &gateway{entrance{book: newBook(), hooks: hooks{upgrade: func(*http.Request) error {
		return wsgate.Errorf(wsgate.Denied, "admin")
	}}}}
	s := start(t, setup{routes: []wsgate.Route{
		{Path: "/ws/{room}", New: func() *gateway { return rooms }},
		{Path: "/admin", New: func() *gateway { return admin }},
	}})
	for _, tc := range []struct {
		target string
		status int // 409 in a room, 403 in the admin's gateway
		want   string
	}{
		{"/ws/lobby", 409, "lobby"},
		{"/ws/..%2Fadmin", 409, "../admin"},
		{"/ws/%2e%2e%2fadmin", 409, "../admin"},
		{"/ws/a%2Fb", 409, "a/b"},
		{"/ws/a%00b", 409, "a\x00b"},
		{"/ws/%ff", 409, "\xff"},
		{"/ws/a;b=/../c", 404, `it is at "/ws/c"`},
		{"/ws/a?/../../admin", 409, "a"},
		{"/ws/" + strings.Repeat("x", 8<<10), 409, strings.Repeat("x", 8<<10)},
		{"/ws/lobby?" + strings.Repeat("x", 1<<20), 431, ""},
		{"/ws/../admin", 404, `it is at "/admin"`},
		{"/ws/./lobby", 404, `it is at "/ws/lobby"`},
		{"//ws/lobby", 404, `it is at "/ws/lobby"`},
		{"/ws//admin", 404, `it is at "/ws/admin"`},
		{"/%2e%2e/admin", 404, ""},
		{"/ws/%2e%2e/admin", 404, ""},
		{"/ws/%2e%2e", 409, ".."},
		{"/../../../admin", 404, `it is at "/admin"`},
		{"/ws/", 404, ""},
		{"/ws/lobby/", 404, `it is at "/ws/lobby"`},
		{"/WS/lobby", 404, ""},
		{"/", 404, ""},
		{"/ws/%zz", 400, ""},
		{"/ws/a\x00b", 400, ""},
		{"/ws/a\x7fb", 400, ""},
	} {
		t.Run(fmt.Sprintf("%.30q", tc.target), func(t *testing.T) {
			seen = ""
			c := s.dial(t)
			wait := c.flood(s.upgrade(tc.target), 1)
			resp := c.response()
			got := seen
			if resp.StatusCode == 404 {
				body, _ := io.ReadAll(resp.Body)
				_, got, _ = strings.Cut(strings.TrimSpace(string(body)), "; ")
			}
			if resp.StatusCode != tc.status || got != tc.want {
				t.Errorf("got %s, %.40q; want %d, %.40q", resp.Status, got, tc.status, tc.want)
			}
			c.Close()
			wait()
		})
	}
}

// Row 15: who the peer is, is not taken from what it says.
func forwardedFor(t *testing.T) {
	var remote atomic.Value
	s := start(t, setup{hooks: hooks{open: func(_ context.Context, c *conn) error {
		remote.Store(c.RemoteAddr())
		return nil
	}}})
	for _, line := range []string{
		"X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: " + strings.Repeat("10.0.0.1, ", 50) + "::1", "X-Real-IP: 10.0.0.1",
		"Forwarded: for=10.0.0.1;proto=https", "X-Forwarded-For: ';--", "True-Client-IP: 10.0.0.1",
	} {
		c := s.dial(t)
		c.put(s.upgrade(c.target(), line))
		c.upgraded()
		c.echoes()
		if got := remote.Load(); got != c.LocalAddr().String() {
			t.Errorf("with %.40s: the address is %v, want %v", line, got, c.LocalAddr())
		}
	}
}

// Row 17.
func upgradeDuringShutdown(t *testing.T) {
	working, release, cancelled := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := start(t, setup{hooks: hooks{message: func(ctx context.Context, c *conn, m wsgate.Message) error {
		close(working)
		<-ctx.Done()
		close(cancelled)
		<-release
		return nil
	}}})
	c := s.connect(t)
	c.put(masked(text, []byte("work")))
	<-working
	s.neighbours.moveOut(t, s.memory.paused())
	idle := s.dial(t) // so new that net/http still waits for its request
	s.stop()
	if !within(patience, cancelled) {
		t.Fatal("the handler's context is not cancelled")
	}
	idle.put(s.upgrade(idle.target()))
	if resp := idle.response(); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("got %s, Retry-After %q, close is %v", resp.Status, resp.Header.Get("Retry-After"), resp.Close)
	}
	if idle.discard(patience).open {
		t.Error("the TCP connection is open after the answer")
	}
	idle.neverOpened()
	for begun := time.Now(); ; {
		newcomer, err := net.Dial("tcp", s.addr)
		if err != nil { // load balancers and clients turn to another node
			break
		}
		newcomer.Close()
		if time.Since(begun) > late {
			t.Fatal("the listener is open while the App shuts down")
		}
	}
	close(release)
	c.SetReadDeadline(time.Now().Add(patience))
	if f, err := wire.ReadFrame(c.in); err != nil || f.First != closing || !bytes.HasPrefix(f.Payload, []byte{0x03, 0xf4}) {
		t.Errorf("got %v, %v, want close code 1012", f, err)
	}
	c.put(closeFrame(1012, ""))
	c.closedWith(wsgate.ErrShutdown)
}

// Row 18: what comes with the handshake waits for OnOpen, and is handled in order.
func pipelinedFrames(t *testing.T) {
	gate := make(chan struct{}, 1)
	s := start(t, setup{hooks: hooks{open: func(context.Context, *conn) error { <-gate; return nil }}})
	for _, tc := range []struct {
		name string
		n    int
		size int
	}{
		{"one", 1, 5},
		{"many small", 200, 1},
		{"more than a buffer", 20, 1 << 10},
		{"much more", 20, 10 << 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			all := s.upgrade(c.target())
			var want []wire.Frame
			for i := range tc.n {
				payload := []byte(strings.Repeat(string(rune('a'+i%26)), tc.size))
				all = append(all, masked(text, payload)...)
				want = append(want, wire.Frame{First: text, Payload: payload})
			}
			c.put(all)
			c.upgraded()
			if c.idle(20 * time.Millisecond); c.in.Buffered() > 0 {
				t.Error("something was answered before OnOpen returned")
			}
			gate <- struct{}{}
			c.hears(want...)
		})
	}
	t.Run("close", func(t *testing.T) {
		c := s.dial(t)
		c.put(append(s.upgrade(c.target()), closeFrame(1000, "no")...))
		c.upgraded()
		gate <- struct{}{}
		c.ends(1000, nil)
	})
	t.Run("another request", func(t *testing.T) {
		c := s.dial(t)
		c.put(append(s.upgrade(c.target()), s.upgrade(c.target())...))
		c.upgraded()
		gate <- struct{}{}
		c.ends(1002, errViolation)
	})
}

// Row 19: a client that is gone before OnOpen has run leaves nothing behind, whether OnOpen still runs or not.
func goneBeforeOpen(t *testing.T) {
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprint("slow ", slow), func(t *testing.T) {
			s := start(t, setup{hooks: hooks{open: func(ctx context.Context, _ *conn) error {
				if slow {
					<-ctx.Done()
				}
				return nil
			}}})
			for i := range 60 {
				c := s.dial(t)
				c.put(s.upgrade(c.target()))
				if i%2 == 0 {
					c.upgraded()
				}
				switch i % 3 {
				case 0:
					c.reset()
				case 1:
					c.Close()
				default:
					c.put(closeFrame(1001, ""))
					c.Close()
				}
			}
		})
	}
	t.Run("OnOpen gives up", func(t *testing.T) {
		s := start(t, setup{hooks: hooks{open: func(ctx context.Context, _ *conn) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}}})
		for range 20 {
			c := s.connect(t)
			c.reset()
			defer c.neverOpened() // after the end of the test, since nothing tells when it could be
		}
	})
}
