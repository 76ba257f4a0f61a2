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
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// ending is a connection that is about to end: a client that is in a room, and what OnClose found.
type ending struct {
	app    *kit.App
	client *kit.RawClient
	server *kit.Conn   // the other side
	closes kit.Journal // a line for every OnClose
	wrong  kit.Journal // what OnClose found out of place
	err    error       // what it got
}

// begin opens a connection in a room to a gateway that does what the first byte of a message says.
func (e *ending) begin(t *testing.T, limits wsgate.Limits) {
	handling := 0 // no lock: hooks of one connection do not overlap
	g := &kit.MessageGateway{
		Hooks: kit.Hooks{
			Open: func(_ context.Context, c *kit.Conn) error {
				e.server = c
				return c.Join("room")
			},
			Close: func(ctx context.Context, c *kit.Conn, err error) {
				e.closes.Add("OnClose")
				e.err = err
				if handling != 0 {
					e.wrong.Add("a handler still runs")
				}
				if n, m, rooms := c.All().Len(), c.Room("room").Len(), c.Rooms(); n != 1 || m != 1 || !slices.Equal(rooms, []string{"room"}) {
					e.wrong.Add("listed %d times, in the room %d times, in rooms %q", n, m, rooms)
				}
				if err := c.Send(wsgate.Text("too late")); !errors.Is(err, wsgate.ErrClosed) {
					e.wrong.Add("Send: %v", err)
				}
				if err := c.Room("room").Send(wsgate.Text("too late")); err != nil {
					e.wrong.Add("Room.Send: %v", err)
				}
				if ctx.Err() != nil {
					e.wrong.Add("context: %v", ctx.Err())
				}
			},
		},
		Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
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
	e.app = kit.NewApp(t, &wsgate.Options{Limits: limits, Use: []any{use}}, kit.RouteTo("/ws", g))
	e.client = kit.DialRaw(t, e.app, "/ws")
	synctest.Wait()
}

// say sends a text message.
func (e *ending) say(text string) { e.client.Put(wire.Masked(wire.Text, []byte(text))) }

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
		{"peer closes with 1000", wsgate.Limits{}, func(e *ending) { e.client.Put(kit.CloseFrame(1000, "bye")) }, kit.IsNil, []string{"close 1000 bye"}},
		{"peer closes with 1001", wsgate.Limits{}, func(e *ending) { e.client.Put(kit.CloseFrame(1001, "")) }, kit.IsNil, []string{"close 1001 "}},
		{"peer closes without a code", wsgate.Limits{}, func(e *ending) { e.client.Put(wire.Masked(wire.Closing, nil)) }, kit.IsNil, []string{"close"}},
		{"peer closes with 1008", wsgate.Limits{}, func(e *ending) { e.client.Put(kit.CloseFrame(1008, "no")) }, kit.IsCloseError(1008, "no"), []string{"close 1008 no"}},
		{"peer closes with 3000", wsgate.Limits{}, func(e *ending) { e.client.Put(kit.CloseFrame(3000, "")) }, kit.IsCloseError(3000, ""), []string{"close 3000 "}},
		{"peer closes with 4999", wsgate.Limits{}, func(e *ending) { e.client.Put(kit.CloseFrame(4999, "x")) }, kit.IsCloseError(4999, "x"), []string{"close 4999 x"}},
		{"peer closes while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); e.client.Put(kit.CloseFrame(1000, "bye")) }, kit.IsNil, []string{"close 1000 bye"}},
		{"peer closes behind a message", wsgate.Limits{}, func(e *ending) {
			e.client.Put(wire.Masked(wire.Text, []byte("wait")), kit.CloseFrame(4001, "bye"))
		}, kit.IsCloseError(4001, "bye"), []string{"close 4001 bye"}},

		{"end of file", wsgate.Limits{}, func(e *ending) { e.client.Close() }, kit.IsError(io.ErrUnexpectedEOF), nil},
		{"end of file in a header", wsgate.Limits{}, func(e *ending) { e.client.Put([]byte{wire.Text}); e.client.Close() }, kit.IsError(io.ErrUnexpectedEOF), nil},
		{"end of file in a frame", wsgate.Limits{}, func(e *ending) { e.client.Put([]byte{wire.Text, 0x85, 0, 0, 0, 0, 'x'}); e.client.Close() }, kit.IsError(io.ErrUnexpectedEOF), nil},
		{"end of file between fragments", wsgate.Limits{}, func(e *ending) { e.client.Put(wire.Masked(0x01, []byte("p"))); e.client.Close() }, kit.IsError(io.ErrUnexpectedEOF), nil},
		{"end of file while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); synctest.Wait(); e.client.Close() }, kit.IsError(io.ErrUnexpectedEOF), nil},

		{"unmasked frame", wsgate.Limits{}, func(e *ending) { e.client.Put([]byte{wire.Text, 1, 'x'}) }, someError, []string{"close 1002 unmasked frame"}},
		{"reserved opcode", wsgate.Limits{}, func(e *ending) { e.client.Put(wire.Masked(0x83, nil)) }, someError, nil},
		{"close reason is not UTF-8", wsgate.Limits{}, func(e *ending) { e.client.Put(kit.CloseFrame(1000, "\xff")) }, someError, []string{"close 1007 close reason is not UTF-8"}},
		{"not UTF-8", wsgate.Limits{}, func(e *ending) { e.say("\xff") }, someError, []string{"close 1007 text is not UTF-8"}},
		{"message too big", wsgate.Limits{Message: 10}, func(e *ending) { e.say("eleven byte") }, kit.IsError(wsgate.ErrLimit), []string{"close 1009 message over 10 bytes"}},
		{"message takes too long", wsgate.Limits{}, func(e *ending) { e.client.Put([]byte{wire.Text, 0x85}) }, kit.IsError(wsgate.ErrLimit), nil},

		{"no answer to a ping", wsgate.Limits{}, func(*ending) {}, kit.IsError(wsgate.ErrPingTimeout), nil},
		{"queue full", wsgate.Limits{}, func(e *ending) { e.say("flood"); synctest.Wait() }, kit.IsError(wsgate.ErrSlowClient), nil},
		{"write takes too long", wsgate.Limits{}, func(e *ending) {
			e.server.Send(wsgate.Text("nobody reads this"))
			wstest.Pass(11 * time.Second)
		}, kit.IsError(wsgate.ErrSlowClient), []string{}},

		{"handler closes", wsgate.Limits{}, func(e *ending) { e.say("close") }, kit.IsNil, []string{"close 1000 done"}},
		{"handler returns a close error", wsgate.Limits{}, func(e *ending) { e.say("error") }, kit.IsCloseError(4000, "go away"), []string{"close 4000 go away"}},
		{"middleware closes", wsgate.Limits{}, func(e *ending) { e.say("Close") }, kit.IsCloseError(3001, "by middleware"), []string{"close 3001 by middleware"}},
		{"another goroutine closes with 1001", wsgate.Limits{}, func(e *ending) { e.server.Close(1001, "") }, kit.IsNil, []string{"close 1001 "}},
		{"another goroutine closes with 1013", wsgate.Limits{}, func(e *ending) { e.server.Close(1013, "busy") }, kit.IsCloseError(1013, "busy"), []string{"close 1013 busy"}},
		{"another goroutine closes while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); e.server.Close(1000, "") }, kit.IsNil, []string{"close 1000 "}},
		{"closed twice", wsgate.Limits{}, func(e *ending) { e.server.Close(4001, "first"); e.server.Close(4002, "second") }, kit.IsCloseError(4001, "first"), []string{"close 4001 first"}},

		{"handler panics", wsgate.Limits{}, func(e *ending) { e.say("panic") }, kit.IsPanic("oh"), []string{"close 1011 internal error"}},
		{"middleware panics", wsgate.Limits{}, func(e *ending) { e.say("Panic") }, kit.IsPanic("oh"), []string{"close 1011 internal error"}},
		{"handler ends its goroutine", wsgate.Limits{}, func(e *ending) { e.say("goexit") }, someError, []string{"close 1011 internal error"}},

		{"shutdown", wsgate.Limits{}, func(e *ending) { go e.app.End() }, kit.IsError(wsgate.ErrShutdown), []string{"close 1012 server shutting down"}},
		{"handler fails with its context", wsgate.Limits{}, func(e *ending) { e.say("Wait"); e.client.Put(kit.CloseFrame(1000, "bye")) }, kit.IsNil, nil},
		{"handler fails with its context at shutdown", wsgate.Limits{}, func(e *ending) { e.say("Wait"); go e.app.End() }, kit.IsError(wsgate.ErrShutdown), nil},
		{"shutdown while a handler runs", wsgate.Limits{}, func(e *ending) { e.say("wait"); go e.app.End() }, kit.IsError(wsgate.ErrShutdown), []string{"close 1012 server shutting down"}},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var e ending
			e.begin(t, test.limits)
			test.end(&e)
			frames := e.client.Gone(time.Minute)
			wstest.Pass(time.Minute)
			e.closes.Want(t, "OnClose")
			e.wrong.Want(t)
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
			if lines := e.app.Log.With(); len(lines) != logs {
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
			g := &kit.MessageGateway{
				Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { closed <- err }},
				Message: func(ctx context.Context, _ *kit.Conn, _ wsgate.Message) error {
					close(opened)
					if busy {
						<-ctx.Done()
					}
					return nil
				},
			}
			var d net.Dialer
			raw, err := d.DialContext(t.Context(), "tcp", kit.OverTCP(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g))))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			fmt.Fprintf(raw, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s", wire.Masked(wire.Text, []byte("early")))
			kit.Receive(t, opened, "the message that came with the handshake")
			raw.(*net.TCPConn).SetLinger(0)
			raw.Close()
			if err := kit.Receive(t, closed, "OnClose"); !errors.Is(err, syscall.ECONNRESET) {
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
		app := kit.NewApp(t, nil, kit.RouteTo("/both", &onlyClose{func() { closed++ }}), kit.RouteTo("/none", &onlyMessage{}))
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

func (g *onlyClose) OnClose(context.Context, *kit.Conn, error) { g.closed() }

type onlyMessage struct{}

func (*onlyMessage) OnMessage(context.Context, *kit.Conn, wsgate.Message) error { return nil }
