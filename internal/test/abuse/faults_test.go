package abuse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// breakdowns are the ways in which a hook can end without returning.
var breakdowns = map[string]func(){
	"string":        func() { panic("oh no") },
	"error":         func() { panic(errors.New("oh no")) },
	"client error":  func() { panic(wsgate.Errorf(wsgate.Denied, "oh no")) },
	"close error":   func() { panic(websocket.CloseError{Code: 4000, Reason: "oh no"}) },
	"nil":           func() { panic(nil) },
	"runtime error": func() { var s []int; s[len(s)]++ },
	"nil pointer":   func() { var c *client; c.name = "" },
	"abort":         func() { panic(http.ErrAbortHandler) },
	"own type":      func() { panic(struct{ a, b int }{1, 2}) },
	"Goexit":        runtime.Goexit,
}

// Row 68: a hook that panics, or ends its goroutine, ends its connection, with one line in the log.
func panics(t *testing.T) {
	for name, breakDown := range breakdowns {
		t.Run(name, func(t *testing.T) {
			at := func(place string, c *conn) error {
				if c.Subprotocol() == place {
					breakDown()
				}
				return nil
			}
			s := start(t, setup{loud: true, subprotocols: []string{"open", "message", "close", "none"}, hooks: hooks{
				open: func(_ context.Context, c *conn) error { return at("open", c) },
				message: func(_ context.Context, c *conn, m wsgate.Message) error {
					return errors.Join(at("message", c), c.Send(m))
				},
				close: func(_ context.Context, c *conn) { at("close", c) },
			}})
			cause := errPanic
			if name == "Goexit" {
				cause = errAny
			}
			connect := func(place string) *client {
				c := s.dial(t)
				c.put(s.upgrade(c.target(), "Sec-WebSocket-Protocol: "+place))
				c.upgraded()
				return c
			}
			witness := connect("none")
			c := connect("message")
			c.put(masked(text, hello))
			if before := c.closes(1011, cause); len(before) > 0 {
				t.Errorf("got %v before the close frame", before)
			}
			c = connect("close")
			c.echoes()
			c.leaves()
			c = connect("open")
			c.refused(1011)
			c.neverOpened()
			witness.echoes()
			witness.leaves()
			want := 3
			if name == "Goexit" {
				want = 2 // nobody is told of that in OnClose
			}
			if !eventually(late, func() bool { return len(logged(s.log)) == want }) {
				t.Errorf("the log has %d lines, want %d: %.200q", len(logged(s.log)), want, logged(s.log))
			}
		})
	}
}

// Row 69: a handler that blocks holds up its own connection only, and no heartbeat ends it.
func blockingHandlers(t *testing.T) {
	for name, heedsContext := range map[string]bool{"until its context ends": true, "whatever its context says": false} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			s := start(t, setup{limits: heartbeat, hooks: hooks{message: func(ctx context.Context, c *conn, m wsgate.Message) error {
				if string(m.Data) != "block" {
					return c.Send(m)
				}
				if heedsContext {
					select {
					case <-ctx.Done():
					case <-release:
					}
				} else {
					<-release
				}
				return nil
			}}})
			patient, gone := s.connect(t), s.connect(t)
			for _, c := range []*client{patient, gone} {
				c.echoes()
				c.put(masked(text, []byte("block")))
			}
			gone.reset()
			if heedsContext {
				gone.closedWith(errLost)
			}
			if e := patient.last(4 * short); !e.open { // more than Ping and Pong together, and no pong is sent
				t.Errorf("the connection ended with %d %q while the handler ran", e.code, e.reason)
			}
			close(release)
			patient.echoes()
			patient.leaves()
			gone.closedWith(errLost)
		})
	}
}

// Row 69: neither does such a handler hold up the end of the App, which says that it was not all.
func blockedShutdown(t *testing.T) {
	release := make(chan struct{})
	working := make(chan struct{})
	s := start(t, setup{
		options: wsgate.Options{Limits: wsgate.Limits{Drain: short}},
		hooks:   hooks{message: func(context.Context, *conn, wsgate.Message) error { close(working); <-release; return nil }},
	})
	c := s.connect(t)
	c.put(masked(text, []byte("block")))
	<-working
	s.neighbours.moveOut(t, s.memory.paused())
	begun := time.Now()
	s.stop()
	err := s.end()
	if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took < short*9/10 || took > ratio*short {
		t.Errorf("Serve returned %v after %v, want %v after %v", err, took, context.DeadlineExceeded, short)
	}
	if c.discard(late).open {
		t.Error("the connection is open after the end of the App")
	}
	if opens, closes := s.book.of(c.name).counts(); opens != 1 || closes != 0 {
		t.Errorf("%d times opened, %d times closed, while the handler runs", opens, closes)
	}
	close(release)
	c.closedWith(wsgate.ErrShutdown)
	<-s.served
	s.served <- nil // as was expected
}

// Row 71: what OnOpen, OnMessage and middleware return decides how the client hears of it.
func failingHooks(t *testing.T) {
	errOwn := errors.New("the disk is full")
	for _, tc := range []struct {
		name   string
		err    error
		opens  websocket.StatusCode // the close code of OnOpen
		closes websocket.StatusCode // that of OnMessage, if it closes
		code   wsgate.Code
	}{
		{"plain", errOwn, 1011, 0, wsgate.Internal},
		{"client error", wsgate.Errorf(wsgate.Denied, "no"), 1008, 0, wsgate.Denied},
		{"wrapped", fmt.Errorf("saving: %w", wsgate.Errorf(wsgate.Conflict, "taken")), 1008, 0, wsgate.Conflict},
		{"close error", fmt.Errorf("over: %w", websocket.CloseError{Code: 4005, Reason: "bye"}), 4005, 4005, ""},
		{"panic", nil, 1011, 1011, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fail := func() error {
				if tc.err == nil {
					panic("oh no")
				}
				return tc.err
			}
			s := start(t, setup{loud: true, options: wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
				return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
					if in.Hook == wsgate.HookMessage && string(in.Message.Data) == "middleware" {
						return fail()
					}
					return next(ctx, c, in)
				}
			}}}, hooks: hooks{
				open: func(_ context.Context, c *conn) error {
					if strings.HasSuffix(c.Data.name, "refused") {
						return fail()
					}
					return nil
				},
				message: func(_ context.Context, c *conn, m wsgate.Message) error {
					if string(m.Data) == "handler" {
						return fail()
					}
					return c.Send(m)
				},
			}})
			c := s.dial(t)
			c.name += "refused"
			c.handshake().refused(tc.opens)
			c.neverOpened()
			for _, where := range []string{"handler", "middleware"} {
				c := s.connect(t)
				c.put(masked(text, []byte(where)))
				if tc.closes != 0 {
					c.refused(tc.closes)
					c.closedWith(errAny)
					continue
				}
				c.answer(exchange{where, string(tc.code)})
				c.echoes()
				c.leaves()
			}
			if lines := fmt.Sprint(logged(s.log)); strings.Contains(lines, errOwn.Error()) != (tc.err == errOwn) {
				t.Errorf("the log has %s", lines)
			}
		})
	}
}

// Row 72: what is sent to a connection that has ended is refused, and nothing else happens.
func useAfterClose(t *testing.T) {
	conns := make(chan *conn, 1)
	s := start(t, setup{hooks: hooks{open: func(_ context.Context, c *conn) error { conns <- c; return c.Join("busy") }}})
	for name, leave := range map[string]func(*client){
		"closed": func(c *client) { c.leaves() },
		"reset":  func(c *client) { c.reset(); c.closedWith(errLost) },
	} {
		t.Run(name, func(t *testing.T) {
			client := s.connect(t)
			c := <-conns
			leave(client)
			if !eventually(patience, func() bool { return s.app.Hub().At(attacked).Len() == 0 }) {
				t.Fatal("the connection is in the hub")
			}
			for what, err := range map[string]error{
				"Send": c.Send(wsgate.Text("x")), "Emit": said.Emit(c, "x"), "Join": c.Join("busy"),
			} {
				if !errors.Is(err, wsgate.ErrClosed) {
					t.Errorf("%s returned %v, want %v", what, err, wsgate.ErrClosed)
				}
			}
			if err := c.Flush(t.Context()); err != nil {
				t.Errorf("Flush returned %v, and nothing was lost", err)
			}
			c.Close(1000, "")
			c.Leave("busy")
			for what, err := range map[string]error{"Send": c.Room("busy").Send(wsgate.Text("x")), "Emit": said.Emit(c.All(), "x")} {
				if err != nil {
					t.Errorf("%s to those who are left: %v", what, err)
				}
			}
			if rooms := c.Rooms(); len(rooms) != 0 {
				t.Errorf("it is in %q", rooms)
			}
		})
	}
}

// Row 72: everybody sends, joins and closes at the same time, in the middle of which the client leaves as well.
func concurrentClose(t *testing.T) {
	const rounds, workers = 30, 8
	conns := make(chan *conn, 1)
	s := start(t, setup{hooks: hooks{open: func(_ context.Context, c *conn) error {
		defer func() { conns <- c }() // when it has joined
		return c.Join("busy")
	}}})
	t.Run("all", func(t *testing.T) {
		for i := range rounds {
			client := s.connect(t)
			c := <-conns
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for n := range 20 {
						if err := c.Send(wsgate.Text("x")); err != nil && !errors.Is(err, wsgate.ErrClosed) {
							t.Errorf("Send: %v", err)
						}
						c.Room("busy").Send(wsgate.Text("y"))
						c.Join(fmt.Sprint("r", w))
						c.Leave(fmt.Sprint("r", w))
						if n == 10 && i%2 == 0 {
							c.Close(websocket.StatusCode(4000+w), "one of many")
						}
					}
				})
			}
			if i%2 != 0 {
				client.try(closeFrame(1000, ""))
			}
			_, code := client.closed()
			if wg.Wait(); i%2 != 0 && code != 1000 || i%2 == 0 && (code < 4000 || code >= 4000+workers) {
				t.Errorf("round %d: got close code %d", i, code)
			}
			client.closedWith(errAny)
		}
	})
}
