//go:build linux && !wsgate_noparking

package transport_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/rate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/internal/transport"
)

// A handler that does not return keeps no other parked connection from being handled, nor the next one that does not.
func TestHandlersOfParkedConnectionsMayBlock(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		release := make(chan struct{})
		s.handle = func(text string) {
			if text == "block" {
				<-release
			}
		}
		const blocked = 3
		var clients []*parkedClient
		for range blocked + 2 { // the last one is quiet, so that the epoll stays
			c, _ := s.dial()
			clients = append(clients, c)
		}
		s.parked(len(clients))
		other := clients[blocked]
		for i, c := range clients[:blocked] {
			c.Put(wire.Masked(wire.Text, []byte("block")))
			s.parked(len(clients) - 1 - i)
			other.echoes(t, "hi")
			s.parked(len(clients) - 1 - i)
		}
		close(release)
		for _, c := range clients[:blocked] {
			c.hears(t, wire.Text, "block")
		}
		s.parked(len(clients))
		s.until("goroutines leading", 1, leaders)
		for _, c := range clients {
			s.closes(c)
		}
	})
}

// A reader that has to wait for its client does not do so on the goroutine that others need.
func TestReadersThatWaitLeadNoLonger(t *testing.T) {
	for _, test := range []struct {
		name  string
		send  func(t *testing.T, c *parkedClient)
		waits bool // without being parked again
	}{
		{"for the rest of a message", func(_ *testing.T, c *parkedClient) {
			c.Put(wire.Masked(wire.Text, []byte("long"))[:3])
		}, true},
		{"for the next message, as this one came soon", func(t *testing.T, c *parkedClient) {
			c.echoes(t, "soon")
		}, false},
		{"until the client is not too fast any more", func(_ *testing.T, c *parkedClient) {
			c.Put(bytes.Repeat(wire.Masked(wire.Text, nil), 100))
		}, true},
		{"for the client to close its side", func(_ *testing.T, c *parkedClient) {
			c.Put(bytes.Repeat(wire.Masked(wire.Begins, []byte("part")), 2)) // a violation, within a message
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEachNetwork(t, func(t *testing.T, network string) {
				s := newSite(t, network, func(l *transport.Limits) { l.Rate = rate.New(1, time.Hour, 10) })
				s.engine.StopLateWatch()
				c, server := s.dial()
				other, _ := s.dial()
				s.parked(2)
				test.send(t, c)
				if test.waits {
					s.parked(1)
				}
				other.echoes(t, "hi")
				server.Cut()
				kit.Receive(t, s.ends, "the end")
			})
		})
	}
}

// Where one handler has taken long, the next ones do not keep others waiting at all.
func TestAfterALongHandlerEachHasItsGoroutine(t *testing.T) {
	s := newSite(t, "tcp", nil)
	handling, release := make(chan struct{}), make(chan struct{})
	s.handle = func(text string) {
		switch text {
		case "long":
			<-time.After(time.Millisecond)
		case "block":
			close(handling)
			<-release
		}
	}
	s.engine.StopLateWatch()
	first, _ := s.dial()
	second, _ := s.dial()
	third, _ := s.dial()
	s.parked(3)
	first.echoes(t, "long")
	second.Put(wire.Masked(wire.Text, []byte("block")))
	kit.Receive(t, handling, "the handler")
	third.echoes(t, "hi")
	close(release)
	second.hears(t, wire.Text, "block")
}

// OnClose may call runtime.Goexit, as all hooks may.
func TestGoexitOfALeader(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		s.engine.StopLateWatch()
		s.ended = runtime.Goexit
		c, _ := s.dial()
		other, _ := s.dial()
		s.parked(2)
		s.closes(c)
		other.echoes(t, "hi")
		s.closes(other)
	})
}

// The lot is given up while its leader handles the last connection, and is used again before that returns.
func TestLotIsGivenUpMeanwhile(t *testing.T) {
	onEachNetwork(t, func(t *testing.T, network string) {
		s := newSite(t, network, nil)
		s.engine.StopLateWatch()
		handling, release := make(chan struct{}), make(chan struct{})
		s.handle = func(text string) {
			if text == "block" {
				close(handling)
				<-release
			}
		}
		c, server := s.dial()
		s.parked(1)
		c.Put(wire.Masked(wire.Text, []byte("block")))
		kit.Receive(t, handling, "the handler")
		server.Cut()
		next, _ := s.dial()
		s.parked(1)
		next.echoes(t, "hi")
		close(release)
		kit.Receive(t, s.ends, "the end")
		s.parked(1)
		next.echoes(t, "hi again")
		s.closes(next)
	})
}

// leaders returns how many goroutines wait for the events of epolls.
func leaders() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "transport.(*epoll).lead(")
}
