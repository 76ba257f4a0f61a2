package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/wstest"
)

// ending is a connection that is about to end: a client that is in a room, and what OnClose found.
type ending struct {
	app    *testApp
	client *rawClient
	server *testConn // the other side
	closes journal   // a line for every OnClose
	wrong  journal   // what OnClose found out of place
	err    error     // what it got
}

// begin opens a connection in a room to a gateway that does what the first byte of a message says.
func (e *ending) begin(t *testing.T, limits wsgate.Limits) {
	handling := 0 // no lock: hooks of one connection do not overlap
	g := &messageGateway{
		testHooks: testHooks{
			open: func(_ context.Context, c *testConn) error {
				e.server = c
				return c.Join("room")
			},
			close: func(ctx context.Context, c *testConn, err error) {
				e.closes.add("OnClose")
				e.err = err
				if handling != 0 {
					e.wrong.add("a handler still runs")
				}
				if n, m, rooms := c.All().Len(), c.Room("room").Len(), c.Rooms(); n != 1 || m != 1 || !slices.Equal(rooms, []string{"room"}) {
					e.wrong.add("listed %d times, in the room %d times, in rooms %q", n, m, rooms)
				}
				if err := c.Send(wsgate.Text("too late")); !errors.Is(err, wsgate.ErrClosed) {
					e.wrong.add("Send: %v", err)
				}
				if err := c.Room("room").Send(wsgate.Text("too late")); err != nil {
					e.wrong.add("Room.Send: %v", err)
				}
				if ctx.Err() != nil {
					e.wrong.add("context: %v", ctx.Err())
				}
			},
		},
		message: func(ctx context.Context, c *testConn, m wsgate.Message) error {
			handling++
			defer func() { handling-- }()
			switch m.Data[0] {
			case 'c':
				c.Close(1000, "done")
			case 'e':
				return fmt.Errorf("end: %w", websocket.CloseError{Code: 4000, Reason: "go away"})
			case 'p':
				panic("oh")
			case 'g':
				runtime.Goexit()
			case 'w': // wait
				<-ctx.Done()
				<-time.After(time.Second)
			case 'W': // wait, and return what says nothing new and is not logged
				<-ctx.Done()
				return fmt.Errorf("waiting: %w", ctx.Err())
			case 'f': // flood
				for c.Send(wsgate.Text(strings.Repeat("x", 1000))) == nil {
				}
			}
			return nil
		},
	}
	use := func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			if in.Hook == wsgate.HookMessage {
				switch in.Message.Data[0] {
				case 'C':
					c.Close(3001, "by middleware")
				case 'P':
					panic("oh")
				}
			}
			return next(ctx, c, in)
		}
	}
	e.app = newApp(t, &wsgate.Options{Limits: limits, Use: []any{use}}, routeTo("/ws", g))
	e.client = dialRaw(t, e.app, "/ws")
	synctest.Wait()
}

// say sends a text message.
func (e *ending) say(text string) { e.client.put(clientFrame(frameText, []byte(text))) }

func isCloseError(code websocket.StatusCode, reason string) func(error) bool {
	return func(err error) bool {
		var ce websocket.CloseError
		return errors.As(err, &ce) && ce == websocket.CloseError{Code: code, Reason: reason}
	}
}

func isError(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isNil(err error) bool { return err == nil }

func isPanic(value any) func(error) bool {
	return func(err error) bool {
		var p *wsgate.PanicError
		return errors.As(err, &p) && p.Value == value
	}
}

// However a connection ends, OnClose runs once, after the last handler, with the right error, while the connection is
// still in its rooms; and the client gets the right close frame, if it gets any, and is cut off in time.
func TestOnCloseOnEveryPath(t *testing.T) {
	someError := func(err error) bool { return err != nil }
	tests := []struct {
		name   string
		limits wsgate.Limits
		end    func(e *ending)
		want   func(error) bool
		frames []string // that the client gets; nil if that is left open
	}{
		{"peer closes with 1000", wsgate.Limits{}, func(e *ending) { e.client.put(closeFrame(1000, "bye")) }, isNil, []string{"close 1000 bye"}},
		{"peer closes with 1001", wsgate.Limits{}, func(e *ending) { e.client.put(closeFrame(1001, "")) }, isNil, []string{"close 1001 "}},
		{"peer closes without a code", wsgate.Limits{}, func(e *ending) { e.client.put(clientFrame(frameClose, nil)) }, isNil, []string{"close"}},
		{"peer closes with 1008", wsgate.Limits{}, func(e *ending) { e.client.put(closeFrame(1008, "no")) }, isCloseError(1008, "no"), []string{"close 1008 no"}},
		{"peer closes with 3000", wsgate.Limits{}, func(e *ending) { e.client.put(closeFrame(3000, "")) }, isCloseError(3000, ""), []string{"close 3000 "}},
		{"peer closes with 4999", wsgate.Limits{}, func(e *ending) { e.client.put(closeFrame(4999, "x")) }, isCloseError(4999, "x"), []string{"close 4999 x"}},
		{"peer closes while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); e.client.put(closeFrame(1000, "bye")) }, isNil, []string{"close 1000 bye"}},
		{"peer closes behind a message", wsgate.Limits{}, func(e *ending) {
			e.client.put(clientFrame(frameText, []byte("wait")), closeFrame(4001, "bye"))
		}, isCloseError(4001, "bye"), []string{"close 4001 bye"}},

		{"end of file", wsgate.Limits{}, func(e *ending) { e.client.Close() }, isError(io.ErrUnexpectedEOF), nil},
		{"end of file in a header", wsgate.Limits{}, func(e *ending) { e.client.put([]byte{frameText}); e.client.Close() }, isError(io.ErrUnexpectedEOF), nil},
		{"end of file in a frame", wsgate.Limits{}, func(e *ending) { e.client.put([]byte{frameText, 0x85, 0, 0, 0, 0, 'x'}); e.client.Close() }, isError(io.ErrUnexpectedEOF), nil},
		{"end of file between fragments", wsgate.Limits{}, func(e *ending) { e.client.put(clientFrame(0x01, []byte("p"))); e.client.Close() }, isError(io.ErrUnexpectedEOF), nil},
		{"end of file while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); synctest.Wait(); e.client.Close() }, isError(io.ErrUnexpectedEOF), nil},

		{"unmasked frame", wsgate.Limits{}, func(e *ending) { e.client.put([]byte{frameText, 1, 'x'}) }, someError, []string{"close 1002 unmasked frame"}},
		{"reserved opcode", wsgate.Limits{}, func(e *ending) { e.client.put(clientFrame(0x83, nil)) }, someError, nil},
		{"close reason is not UTF-8", wsgate.Limits{}, func(e *ending) { e.client.put(closeFrame(1000, "\xff")) }, someError, []string{"close 1007 close reason is not UTF-8"}},
		{"not UTF-8", wsgate.Limits{}, func(e *ending) { e.say("\xff") }, someError, []string{"close 1007 text is not UTF-8"}},
		{"message too big", wsgate.Limits{Message: 10}, func(e *ending) { e.say("eleven byte") }, isError(wsgate.ErrLimit), []string{"close 1009 message over 10 bytes"}},
		{"message takes too long", wsgate.Limits{}, func(e *ending) { e.client.put([]byte{frameText, 0x85}) }, isError(wsgate.ErrLimit), nil},

		{"no answer to a ping", wsgate.Limits{}, func(*ending) {}, isError(wsgate.ErrPingTimeout), nil},
		{"queue full", wsgate.Limits{}, func(e *ending) { e.say("flood"); synctest.Wait() }, isError(wsgate.ErrSlowClient), nil},
		{"write takes too long", wsgate.Limits{}, func(e *ending) {
			e.server.Send(wsgate.Text("nobody reads this"))
			wstest.Pass(11 * time.Second)
		}, isError(wsgate.ErrSlowClient), []string{}},

		{"handler closes", wsgate.Limits{}, func(e *ending) { e.say("close") }, isNil, []string{"close 1000 done"}},
		{"handler returns a close error", wsgate.Limits{}, func(e *ending) { e.say("error") }, isCloseError(4000, "go away"), []string{"close 4000 go away"}},
		{"middleware closes", wsgate.Limits{}, func(e *ending) { e.say("Close") }, isCloseError(3001, "by middleware"), []string{"close 3001 by middleware"}},
		{"another goroutine closes with 1001", wsgate.Limits{}, func(e *ending) { e.server.Close(1001, "") }, isNil, []string{"close 1001 "}},
		{"another goroutine closes with 1013", wsgate.Limits{}, func(e *ending) { e.server.Close(1013, "busy") }, isCloseError(1013, "busy"), []string{"close 1013 busy"}},
		{"another goroutine closes while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); e.server.Close(1000, "") }, isNil, []string{"close 1000 "}},
		{"closed twice", wsgate.Limits{}, func(e *ending) { e.server.Close(4001, "first"); e.server.Close(4002, "second") }, isCloseError(4001, "first"), []string{"close 4001 first"}},

		{"handler panics", wsgate.Limits{}, func(e *ending) { e.say("panic") }, isPanic("oh"), []string{"close 1011 internal error"}},
		{"middleware panics", wsgate.Limits{}, func(e *ending) { e.say("Panic") }, isPanic("oh"), []string{"close 1011 internal error"}},
		{"handler ends its goroutine", wsgate.Limits{}, func(e *ending) { e.say("goexit") }, someError, []string{"close 1011 internal error"}},

		{"shutdown", wsgate.Limits{}, func(e *ending) { go e.app.shutdown() }, isError(wsgate.ErrShutdown), []string{"close 1001 server shutting down"}},
		{"handler fails with its context", wsgate.Limits{}, func(e *ending) { e.say("Wait"); e.client.put(closeFrame(1000, "bye")) }, isNil, nil},
		{"handler fails with its context at shutdown", wsgate.Limits{}, func(e *ending) { e.say("Wait"); go e.app.shutdown() }, isError(wsgate.ErrShutdown), nil},
		{"shutdown while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); go e.app.shutdown() }, isError(wsgate.ErrShutdown), []string{"close 1001 server shutting down"}},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			var e ending
			e.begin(t, test.limits)
			test.end(&e)
			frames := e.client.gone(time.Minute)
			wstest.Pass(time.Minute)
			e.closes.want(t, "OnClose")
			e.wrong.want(t)
			if !test.want(e.err) {
				t.Errorf("OnClose got %T %v", e.err, e.err)
			}
			if test.frames != nil && !slices.Equal(frames, test.frames) {
				t.Errorf("the client got %q, want %q", frames, test.frames)
			}
			if n, m := e.app.Hub().Len(), e.app.Hub().At("/ws").Room("room").Len(); n+m != 0 {
				t.Errorf("afterwards %d connections are left, %d in the room", n, m)
			}
			if err := e.server.Join("other"); !errors.Is(err, wsgate.ErrClosed) {
				t.Errorf("Join afterwards: %v, want ErrClosed", err)
			}
			e.server.Leave("room")
			e.server.Close(1000, "")
			logs := 0
			if strings.Contains(test.name, "panics") || test.name == "handler ends its goroutine" {
				logs = 1
			}
			if lines := e.app.log.with(); len(lines) != logs {
				t.Errorf("logged %q, want %d lines", lines, logs)
			}
			if rooms := e.server.Rooms(); len(rooms) > 0 {
				t.Errorf("afterwards in rooms %q", rooms)
			}
		})
	}
}

// A reset exists on a real socket only.
func TestOnCloseAfterReset(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("handler runs %t", busy), func(t *testing.T) {
			opened, closed := make(chan struct{}), make(chan error, 2)
			g := &messageGateway{
				testHooks: testHooks{close: func(_ context.Context, _ *testConn, err error) { closed <- err }},
				message: func(ctx context.Context, _ *testConn, _ wsgate.Message) error {
					close(opened)
					if busy {
						<-ctx.Done()
					}
					return nil
				},
			}
			var d net.Dialer
			raw, err := d.DialContext(t.Context(), "tcp", overTCP(t, newApp(t, nil, routeTo("/ws", g))))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			fmt.Fprintf(raw, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s", clientFrame(frameText, []byte("early")))
			receive(t, opened, "the message that came with the handshake")
			raw.(*net.TCPConn).SetLinger(0)
			raw.Close()
			if err := receive(t, closed, "OnClose"); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("OnClose got %v, want a reset", err)
			}
			if len(closed) > 0 {
				t.Error("OnClose ran twice")
			}
		})
	}
}

// Without OnOpen there is an OnClose as well, and without OnClose nothing goes wrong.
func TestHooksAreOptional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		app := newApp(t, nil, routeTo("/both", &onlyClose{func() { closed++ }}), routeTo("/none", &onlyMessage{}))
		for _, path := range []string{"/both", "/none"} {
			c, _, err := memory.Dial(app, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Close(websocket.StatusNormalClosure, "")
		}
		synctest.Wait()
		if closed != 1 {
			t.Errorf("OnClose ran %d times, want once", closed)
		}
	})
}

type onlyClose struct{ closed func() }

func (g *onlyClose) OnClose(context.Context, *testConn, error) { g.closed() }

type onlyMessage struct{}

func (*onlyMessage) OnMessage(context.Context, *testConn, wsgate.Message) error { return nil }
