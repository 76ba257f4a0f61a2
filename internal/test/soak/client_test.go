package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/test/wire"
)

// client is a healthy client: a publisher or a subscriber, which checks what it hears.
type client struct {
	ws  *websocket.Conn
	log *book

	room   string
	joined numbers // as the server said
	since  numbers // the first heard of each publisher since the join was sent; 0 if none was
	last   numbers // the last heard
}

func dial(ctx context.Context, s *server, log *book) (*client, error) {
	ws, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/", nil)
	if err != nil {
		return nil, err
	}
	return &client{ws: ws, log: log}, nil
}

func (c *client) say(ctx context.Context, text string) error {
	return c.ws.Write(ctx, websocket.MessageText, []byte(text))
}

// hear reads the next message and accounts for it.
func (c *client) hear(ctx context.Context) (verb, rest string, err error) {
	_, data, err := c.ws.Read(ctx)
	if err != nil {
		return "", "", err
	}
	verb, rest, _ = strings.Cut(string(data), " ")
	if verb == "news" {
		var p int
		var n int64
		if _, err := fmt.Sscan(rest, &p, &n); err != nil {
			return "", "", err
		}
		c.check(p, n)
	}
	return verb, rest, nil
}

// check finds what comes twice, out of order, or not at all.
func (c *client) check(p int, n int64) {
	switch {
	case roomOf(p) != c.room:
		c.log.wrong("publisher %d heard in %q", p, c.room)
	case n <= c.last[p]:
		c.log.wrong("broadcast %d of publisher %d after its %d", n, p, c.last[p])
	case c.since[p] == 0:
		c.since[p] = n
	case n != c.last[p]+1:
		c.log.wrong("broadcasts %d to %d of publisher %d are lost", c.last[p]+1, n-1, p)
	}
	c.last[p] = n
	c.log.delivered.Add(1)
}

// await reads until the server has said that.
func (c *client) await(ctx context.Context, want string) (numbers, error) {
	for {
		verb, rest, err := c.hear(ctx)
		if err != nil {
			return numbers{}, err
		}
		if verb == want {
			return parseNumbers(rest)
		}
	}
}

func (c *client) join(ctx context.Context, room string) (err error) {
	c.room, c.since = room, numbers{}
	if err := c.say(ctx, "join "+room); err != nil {
		return err
	}
	c.joined, err = c.await(ctx, "joined")
	return err
}

// leave leaves the room and settles what was due there.
func (c *client) leave(ctx context.Context) error {
	if err := c.say(ctx, "leave"); err != nil {
		return err
	}
	done, err := c.await(ctx, "left")
	if err != nil {
		return err
	}
	for p := range publishers {
		due := done[p] - c.joined[p]
		if roomOf(p) != c.room || due <= 0 {
			continue
		}
		c.log.due.Add(due)
		if c.since[p] == 0 || c.since[p] > c.joined[p]+1 || c.last[p] < done[p] {
			c.log.wrong("of publisher %d %d to %d are due, and %d to %d came", p, c.joined[p]+1, done[p], c.since[p], c.last[p])
		}
	}
	return nil
}

// publish sends a broadcast whenever the last one has come back.
func (c *client) publish(ctx context.Context, p int, pause time.Duration) error {
	if err := c.join(ctx, roomOf(p)); err != nil {
		return err
	}
	padding := strings.Repeat("x", 4000) // so that buffers fill in a moment
	for ctx.Err() == nil && wait(ctx, pause) {
		if err := c.say(ctx, fmt.Sprintf("publish %d %s", p, padding)); err != nil {
			return err
		}
		c.log.published.Add(1)
		for before := c.last[p]; c.last[p] == before; {
			if _, _, err := c.hear(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscribe joins and leaves rooms; stay is how long it is in one on average, 0 for as long as the load lasts.
func (c *client) subscribe(ctx context.Context, random *rand.Rand, stay time.Duration, until <-chan struct{}) error {
	for {
		if err := c.join(ctx, roomOf(random.IntN(publishers))); err != nil {
			return err
		}
		end := make(chan struct{})
		go func() { // the reader cannot watch the clock
			defer close(end)
			if stay == 0 {
				<-until
				return
			}
			timer := time.NewTimer(time.Duration(random.ExpFloat64() * float64(stay)))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-until:
			}
		}()
		for over := false; !over; {
			select {
			case <-end:
				over = true
			default:
				if _, _, err := c.hear(ctx); err != nil {
					<-end
					return err
				}
			}
		}
		if err := c.leave(ctx); err != nil {
			return err
		}
		select {
		case <-until:
			return nil
		default:
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// dialRaw connects a client that will not behave, and lets it join a room.
func dialRaw(s *server, room string) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	tcp.SetReadBuffer(4096)
	tcp.SetDeadline(time.Now().Add(10 * time.Second))
	_, resp, err := wire.Handshake(tcp)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("got %s", resp.Status)
	}
	if err == nil {
		_, err = tcp.Write(wire.Masked(wire.Text, []byte("join "+room)))
	}
	if err != nil {
		tcp.Close()
		return nil, err
	}
	tcp.SetDeadline(time.Time{})
	return tcp, nil
}
