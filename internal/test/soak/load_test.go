package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// book accounts for what clients hear.
type book struct {
	published, due, delivered atomic.Int64
	sessions                  atomic.Int64

	mu     sync.Mutex // guards following
	errors []string
}

const mostErrors = 10

func (b *book) wrong(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errors) < mostErrors {
		b.errors = append(b.errors, fmt.Sprintf(format, args...))
	}
}

// load is how many clients of each kind there are.
type load struct {
	stable   int           // stay in one room
	movers   int           // join and leave
	visitors int           // connect, stay a moment, and leave in some way
	slow     int           // do not read, and come back when they were cut off
	dead     int           // fall silent, so that the heartbeat has to find them
	pause    time.Duration // of a publisher between its broadcasts
}

// run loads the server for a time, and until some of the slow and the dead clients were found.
func (l load) run(s *server, b *book, lasts time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	until := make(chan struct{})
	publishing, stopPublishing := context.WithCancel(ctx)
	var subscribers, senders, others sync.WaitGroup
	for i := range l.stable + l.movers {
		stay := time.Duration(0)
		if i >= l.stable {
			stay = 50 * time.Millisecond
		}
		subscribers.Go(func() {
			c, err := dial(ctx, s, b)
			if err == nil {
				err = c.subscribe(ctx, rand.New(rand.NewPCG(1, uint64(i))), stay, until)
			}
			if err != nil {
				b.wrong("a subscriber: %v", err)
				return
			}
			c.ws.Close(websocket.StatusNormalClosure, "")
		})
	}
	for p := range publishers {
		senders.Go(func() {
			c, err := dial(ctx, s, b)
			if err != nil {
				b.wrong("a publisher: %v", err)
				return
			}
			defer c.ws.CloseNow()
			if err := c.publish(publishing, p, l.pause); err != nil && publishing.Err() == nil {
				b.wrong("a publisher: %v", err)
			}
		})
	}
	for i := range l.visitors {
		others.Go(func() { visit(s, b, rand.New(rand.NewPCG(2, uint64(i))), until) })
	}
	for i := range l.slow + l.dead {
		others.Go(func() { misbehave(s, b, i < l.slow, until) })
	}
	wait(ctx, lasts)
	for begun := time.Now(); time.Since(begun) < time.Minute && (s.hub.slow.Load() == 0 || s.hub.pings.Load() == 0); {
		wait(ctx, 10*time.Millisecond)
	}
	close(until)
	subscribers.Wait() // while there is still something to hear, which readers wait for
	others.Wait()
	stopPublishing()
	senders.Wait()
}

// visit connects, joins, hears a little, and ends the connection in one way or another.
func visit(s *server, b *book, random *rand.Rand, until <-chan struct{}) {
	for {
		select {
		case <-until:
			return
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		c, err := dial(ctx, s, b)
		if err != nil {
			b.wrong("a visitor: %v", err)
			cancel()
			return
		}
		if err := c.join(ctx, roomOf(random.IntN(publishers))); err != nil {
			b.wrong("a visitor: %v", err)
		}
		for range random.IntN(20) {
			if _, _, err := c.hear(ctx); err != nil {
				b.wrong("a visitor: %v", err)
				break
			}
		}
		if random.IntN(2) == 0 {
			c.ws.Close(websocket.StatusNormalClosure, "")
		}
		c.ws.CloseNow()
		cancel()
		b.sessions.Add(1)
	}
}

// misbehave connects clients that never read: those in a busy room are cut off as slow, those outside as dead.
func misbehave(s *server, b *book, busy bool, until <-chan struct{}) {
	room := "quiet"
	if busy {
		room = roomOf(0)
	}
	for {
		tcp, err := dialRaw(s, room)
		if err != nil {
			b.wrong("a bad client: %v", err)
			return
		}
		gone := s.hub.goneOf(tcp.LocalAddr().String()) // it cannot read that itself, or it would not be slow
		select {
		case <-until:
		case <-gone:
		}
		tcp.Close()
		select {
		case <-until:
			return
		default:
		}
	}
}
