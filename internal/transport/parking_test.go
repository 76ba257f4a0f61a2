//go:build linux && !wsgate_noparking

package transport_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/internal/transport"
)

// A connection that is quiet is parked. What comes then is handled as always, in whatever frames it comes, and the
// connection is parked again.
func TestParkedConnectionReadsOn(t *testing.T) {
	long := strings.Repeat("long ", 10_000)
	for _, test := range []struct {
		name  string
		sends [][]byte
		want  wire.Frame
	}{
		{"text", [][]byte{wire.Masked(wire.Text, []byte("hi"))}, wire.Frame{First: wire.Text, Payload: []byte("hi")}},
		{"binary", [][]byte{wire.Masked(wire.Binary, []byte("\x00\xff"))}, wire.Frame{First: wire.Binary, Payload: []byte("\x00\xff")}},
		{"more than one read takes", [][]byte{wire.Masked(wire.Text, []byte(long))}, wire.Frame{First: wire.Text, Payload: []byte(long)}},
		{"ping", [][]byte{wire.Masked(wire.Ping, []byte("there?"))}, wire.Frame{First: wire.Pong, Payload: []byte("there?")}},
		{"pong, then text", [][]byte{wire.Masked(wire.Pong, nil), wire.Masked(wire.Text, []byte("x"))}, wire.Frame{First: wire.Text, Payload: []byte("x")}},
		{"fragments with a ping between them", [][]byte{
			wire.Masked(wire.Begins, []byte("a")), wire.Masked(wire.Pong, nil), wire.Masked(wire.More, []byte("b")), wire.Masked(wire.Last, []byte("c")),
		}, wire.Frame{First: wire.Text, Payload: []byte("abc")}},
		{"compressed", [][]byte{wire.Masked(wire.Text|wire.RSV1, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"))}, wire.Frame{First: wire.Text, Payload: []byte("Hello")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEachNetwork(t, func(t *testing.T, network string) {
				s := newSite(t, network, nil)
				var headers []string
				if test.name == "compressed" {
					headers = []string{"Sec-WebSocket-Extensions: permessage-deflate"}
				}
				c, _ := s.dial(headers...)
				for range 3 {
					s.parked(1)
					c.Put(test.sends...)
					c.hears(t, test.want.First, string(test.want.Payload))
				}
				s.parked(1)
				for _, part := range test.sends {
					for _, b := range part {
						c.Put([]byte{b})
					}
				}
				c.hears(t, test.want.First, string(test.want.Payload))
				s.parked(1)
				s.closes(c)
			})
		})
	}
}

// Input that comes while a connection is being parked is not lost, and nobody reads twice.
func TestInputWhileParking(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		var clients sync.WaitGroup
		for i := range 8 {
			c, _ := s.dial()
			clients.Go(func() {
				for n := range 50 {
					text := fmt.Sprint(i, n)
					c.Put(wire.Masked(wire.Text, []byte(text)))
					c.SetReadDeadline(time.Now().Add(kit.Patience))
					if f, err := wire.ReadFrame(c.in); err != nil || string(f.Payload) != text {
						t.Errorf("got %v, %v, want %s", f, err, text)
						return
					}
					<-time.After(time.Duration(n%10) * 10 * time.Millisecond / 2)
				}
			})
		}
		clients.Wait()
	})
}

// A parked connection whose peer goes away in any way ends, with the same cause as any other.
func TestParkedConnectionEnds(t *testing.T) {
	lost := func(cause error) func(error) bool {
		return func(err error) bool { return errors.Is(err, cause) && strings.Contains(err.Error(), "connection lost") }
	}
	for _, test := range []struct {
		name  string
		leave func(c *parkedClient, server *transport.Conn)
		want  func(error) bool
	}{
		{"reset", func(c *parkedClient, _ *transport.Conn) {
			c.tcp.(interface{ SetLinger(int) error }).SetLinger(0)
			c.tcp.Close()
		}, lost(syscall.ECONNRESET)},
		{"half-close", func(c *parkedClient, _ *transport.Conn) { c.tcp.(interface{ CloseWrite() error }).CloseWrite() }, lost(io.ErrUnexpectedEOF)},
		{"close", func(c *parkedClient, _ *transport.Conn) { c.tcp.Close() }, lost(io.ErrUnexpectedEOF)},
		{"close frame", func(c *parkedClient, _ *transport.Conn) { c.Put(wire.Close(1000, "")) }, kit.IsNil},
		{"close by the server, answered", func(c *parkedClient, server *transport.Conn) {
			server.Close(1001, "bye", nil)
			c.hears(t, wire.Closing, "\x03\xe9bye")
			c.Put(wire.Close(1001, "bye"))
		}, kit.IsNil},
		{"close by the server, not answered", func(c *parkedClient, server *transport.Conn) { server.Close(1001, "bye", transport.ErrClosed) }, kit.IsError(transport.ErrClosed)},
		{"abort by the server", func(_ *parkedClient, server *transport.Conn) { server.Abort(1013, "now", transport.ErrLimit) }, kit.IsError(transport.ErrLimit)},
		{"cut by the server", func(_ *parkedClient, server *transport.Conn) { server.Cut() }, func(err error) bool { return err != nil }},
		{"violation", func(c *parkedClient, _ *transport.Conn) { c.Put([]byte("\xff\x00")) }, func(err error) bool { return err != nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEachNetwork(t, func(t *testing.T, network string) {
				if network == "unix" && test.name == "reset" {
					t.Skip("a unix socket knows no reset")
				}
				s := newSite(t, network, func(l *transport.Limits) { l.Close = 100 * time.Millisecond })
				c, server := s.dial()
				s.parked(1)
				test.leave(c, server)
				if err := kit.Receive(t, s.ends, "the end"); !test.want(err) {
					t.Errorf("the connection ended with %v", err)
				}
				if server.Context().Err() == nil {
					t.Error("the context has outlived the connection")
				}
			})
		})
	}
}

// A peer that sends a part of a frame and goes quiet is not parked: it has the time that any message has.
func TestPartialFrameIsNotParked(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, func(l *transport.Limits) { l.Assembly = 300 * time.Millisecond })
		c, _ := s.dial()
		s.parked(1)
		c.Put(wire.Masked(wire.Text, []byte("slow"))[:1])
		c.hears(t, wire.Closing, "\x03\xf5message took too long")
		c.Close()
		if err := kit.Receive(t, s.ends, "the end"); !errors.Is(err, transport.ErrLimit) {
			t.Errorf("the connection ended with %v, want ErrLimit", err)
		}
	})
}

// A client that sends much at once after it was parked is answered in order.
func TestFloodAfterParking(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		c, _ := s.dial()
		for range 3 {
			s.parked(1)
			const count = 2000
			go func() {
				var all []byte
				for i := range count {
					all = append(all, wire.Masked(wire.Text, fmt.Appendf(nil, "message %d", i))...)
				}
				c.Put(all)
			}()
			for i := range count {
				c.hears(t, wire.Text, fmt.Sprint("message ", i))
			}
		}
		s.closes(c)
	})
}

// A parked connection is written to without being brought back, by a broadcast as by a ping.
func TestWritesDoNotBringBack(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		const members = 100
		var clients []*parkedClient
		var conns []*transport.Conn
		for range members {
			c, server := s.dial()
			clients, conns = append(clients, c), append(conns, server)
		}
		s.parked(members)
		before := s.parks.Load()
		for range 3 {
			b := s.engine.Broadcast(frame.NewMessage(websocket.MessageText, []byte("news")), nil, &s.counters)
			for _, c := range conns {
				b.To(c)
			}
			b.End()
			for _, c := range clients {
				c.hears(t, wire.Text, "news")
			}
		}
		if now := s.engine.Parked(); now != members || s.parks.Load() != before {
			t.Errorf("%d of %d are parked, and were parked %d times meanwhile, want all and 0", now, members, s.parks.Load()-before)
		}
	})
}

// Parked connections are pinged like all others. Those that answer stay, and those that do not are ended.
func TestHeartbeatOfParkedConnections(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, func(l *transport.Limits) { l.Ping, l.Pong = 300*time.Millisecond, 300*time.Millisecond })
		alive, _ := s.dial()
		_, _ = s.dial() // says nothing more
		s.parked(2)
		for range 3 {
			alive.hears(t, wire.Ping, "")
			alive.Put(wire.Masked(wire.Pong, nil))
		}
		if err := kit.Receive(t, s.ends, "the end of the silent one"); !errors.Is(err, transport.ErrPingTimeout) {
			t.Errorf("the silent connection ended with %v, want ErrPingTimeout", err)
		}
		s.parked(1)
		before := s.parks.Load()
		alive.hears(t, wire.Ping, "")
		alive.Put(wire.Masked(wire.Pong, nil))
		alive.hears(t, wire.Ping, "") // it has read the pong, and was parked again
		if parked := s.parks.Load() - before; parked > 2 {
			t.Errorf("a pong has parked the connection %d times", parked)
		}
		s.closes(alive)
	})
}

// A connection with messages all the time is not parked and brought back for each of them.
func TestChattyConnectionIsNotParked(t *testing.T) {
	if transport.ParkAtOnce {
		t.Skip("all are parked at once")
	}
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		c, _ := s.dial()
		s.parked(1)
		before := s.parks.Load()
		for range 1000 {
			c.echoes(t, "again")
		}
		if parked := s.parks.Load() - before; parked > 5 {
			t.Errorf("the connection was parked %d times in 1000 messages, want hardly ever", parked)
		}
		if s.engine.Spots() != 0 {
			t.Error("a busy connection is still in the lot")
		}
		s.parked(1)
		s.closes(c)
	})
}

// An event that was reported for a connection does not reach the one that has its descriptor and its spot next.
func TestEventOfTheConnectionBefore(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		first, server := s.dial()
		s.parked(1)
		late := transport.EventFor(server)
		server.Cut()
		kit.Receive(t, s.ends, "the end")
		first.Close()
		second, server := s.dial()
		s.parked(1)
		if now := transport.EventFor(server); now.Fd != late.Fd {
			t.Fatalf("the second connection has spot %d, and not that of the first, %d", now.Fd, late.Fd)
		}
		before := s.parks.Load()
		s.engine.Reports(late)
		if s.engine.Parked() != 1 || s.parks.Load() != before {
			t.Error("the event has brought the next connection back")
		}
		second.echoes(t, "hi")
		s.closes(second)
	})
}

// A connection is closed by the server at the moment at which it is brought back, and its descriptor used again.
func TestClosedWhileBroughtBack(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, func(l *transport.Limits) { l.Close = 20 * time.Millisecond })
		for i := range 20 {
			var all []*transport.Conn
			var clients []*parkedClient
			for range 4 {
				c, server := s.dial()
				clients, all = append(clients, c), append(all, server)
			}
			s.parked(4)
			var both sync.WaitGroup
			for j, server := range all {
				both.Go(func() { clients[j].Write(wire.Masked(wire.Text, []byte("x"))) })
				both.Go(func() {
					if i%2 == 0 {
						server.Cut()
					} else {
						server.Close(1001, "", nil)
					}
				})
			}
			both.Wait()
			for range all {
				kit.Receive(t, s.ends, "the end")
			}
			for _, c := range clients {
				c.Close()
			}
		}
	})
}

// When epoll refuses, connections work without being parked, and are parked when it does not refuse any more.
func TestEpollRefuses(t *testing.T) {
	for name, op := range map[string]int{"add": unix.EPOLL_CTL_ADD, "modify": unix.EPOLL_CTL_MOD} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "tcp", nil)
			other, _ := s.dial() // keeps the epoll
			s.parked(1)
			s.engine.FailEpoll(op, unix.ENOSPC)
			c, _ := s.dial()
			for range 20 {
				c.echoes(t, "hi")
				<-time.After(10 * time.Millisecond)
			}
			s.engine.FailEpoll(op, nil)
			s.parked(2)
			c.echoes(t, "hi")
			s.closes(c)
			s.closes(other)
		})
	}
}

// Very many connections that are brought back at the same time are all answered.
func TestManyAreBroughtBackAtOnce(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	count := min(10_000, (int(limit.Cur)-200)/2) // both ends are in this process
	if count < 100 {
		t.Skipf("only %d files may be open", limit.Cur)
	}
	t.Logf("%d connections", count)
	s := newSite(t, "tcp", nil)
	clients := make([]*parkedClient, count)
	for i := range clients {
		clients[i], _ = s.dial()
	}
	s.parked(count)
	for round := range 2 {
		text := fmt.Sprint("round ", round)
		for _, c := range clients {
			c.Put(wire.Masked(wire.Text, []byte(text)))
		}
		for _, c := range clients {
			c.hears(t, wire.Text, text)
		}
		s.parked(count)
	}
	for _, c := range clients {
		c.tcp.Close()
	}
	for range clients {
		kit.Receive(t, s.ends, "the end")
	}
}
