package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// model is what must hold of a connection whatever happens to it, checked from the inside.
type model struct {
	random *rand.Rand // for the hooks of this connection only
	opened bool       // OnOpen has returned nil
	closed int        // OnClose has begun
	inside bool       // a hook runs
	next   byte       // the message that comes next
	wrong  []string
}

func (m *model) enter(what string) func() {
	if m.inside {
		m.wrong = append(m.wrong, what+" while another hook runs")
	}
	if m.closed > 0 {
		m.wrong = append(m.wrong, what+" after OnClose")
	}
	if !m.opened && what != "OnOpen" {
		m.wrong = append(m.wrong, what+" before OnOpen")
	}
	m.inside = true
	return func() { m.inside = false }
}

// something is a hook's work: it takes some time, sends, joins, and ends in some way.
func (m *model) something(ctx context.Context, c *wsgate.Conn[*model], gentle bool) error {
	switch m.random.IntN(12) {
	case 0:
		<-time.After(time.Duration(m.random.IntN(5)) * time.Millisecond)
	case 1:
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	case 2:
		c.All().Send(wsgate.Text(strings.Repeat("x", 100)))
	case 3:
		c.Join("a", "b")
	case 4:
		c.Leave("a")
	case 5:
		return wsgate.Errorf(wsgate.Denied, "no")
	}
	if gentle {
		return nil
	}
	switch m.random.IntN(30) {
	case 0:
		panic("oh")
	case 1:
		runtime.Goexit()
	case 2:
		return websocket.CloseError{Code: 4000, Reason: "enough"}
	case 3:
		c.Close(websocket.StatusNormalClosure, "")
	case 4:
		for c.Send(wsgate.Text(strings.Repeat("x", 100))) == nil { // until it is slow
		}
	}
	return nil
}

type modelGateway struct {
	seed  uint64
	conns chan *wsgate.Conn[*model]
}

func (g *modelGateway) OnOpen(ctx context.Context, c *wsgate.Conn[*model]) (err error) {
	c.Data = &model{random: rand.New(rand.NewPCG(g.seed, uint64(len(g.conns))))}
	g.conns <- c
	defer c.Data.enter("OnOpen")()
	c.Join("a")
	err = c.Data.something(ctx, c, c.Data.random.IntN(3) > 0)
	c.Data.opened = err == nil
	return err
}

func (g *modelGateway) OnMessage(ctx context.Context, c *wsgate.Conn[*model], m wsgate.Message) error {
	defer c.Data.enter("OnMessage")()
	if m.Data[0] != c.Data.next {
		c.Data.wrong = append(c.Data.wrong, fmt.Sprintf("message %d in place of %d", m.Data[0], c.Data.next))
	}
	c.Data.next++
	return c.Data.something(ctx, c, false)
}

func (g *modelGateway) OnClose(ctx context.Context, c *wsgate.Conn[*model], _ error) {
	defer c.Data.enter("OnClose")()
	c.Data.closed++
	if c.All().Len() == 0 || c.Room("a").Len() > c.All().Len() {
		c.Data.wrong = append(c.Data.wrong, "not listed in OnClose")
	}
	if err := c.Send(wsgate.Text("late")); !errors.Is(err, wsgate.ErrClosed) {
		c.Data.wrong = append(c.Data.wrong, fmt.Sprintf("Send in OnClose: %v", err))
	}
	c.Data.something(ctx, c, false)
}

// act is what a client does.
func act(random *rand.Rand, c *rawClient) {
	ended := make(chan struct{}, 1) // the server's close frame
	if random.IntN(4) > 0 {
		c.SetReadDeadline(time.Time{})
		go func() {
			for {
				first, payload, err := c.readFrame()
				if err != nil {
					return
				}
				if len(ended) > 0 {
					c.t.Errorf("got %s behind a close frame", describe(first, payload))
				}
				if first == frameClose && len(ended) == 0 {
					ended <- struct{}{}
				}
			}
		}()
	}
	var next byte
	for {
		if len(ended) > 0 && random.IntN(2) == 0 {
			c.Write(closeFrame(websocket.StatusNormalClosure, ""))
			return
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		switch n := random.IntN(20); {
		case n < 8:
			c.Write(clientFrame(frameText, []byte{next}))
			next++
		case n < 10: // several at once
			c.Write(append(clientFrame(frameText, []byte{next}), clientFrame(frameText, []byte{next + 1})...))
			next += 2
		case n < 12: // in pieces
			f := clientFrame(frameBinary, []byte{next})
			c.Write(f[:3])
			<-time.After(time.Duration(random.IntN(3000)) * time.Microsecond)
			c.Write(f[3:])
			next++
		case n < 13:
			c.Write(clientFrame(framePing, []byte("x")))
		case n < 16:
			<-time.After(time.Duration(random.IntN(4000)) * time.Microsecond)
		case n < 17:
			c.Write(closeFrame(websocket.StatusCode(1000+random.IntN(2)), ""))
			return
		case n < 18:
			c.Close()
			return
		case n < 19:
			return // silence
		default:
			c.Write([]byte{0xff, 0xff})
			return
		}
	}
}

// Whatever clients, handlers and the rest of the server do at the same time: hooks do not overlap and keep their order,
// OnClose runs exactly once for every OnOpen that returned nil, and nothing is left behind.
func TestAnyInterleaving(t *testing.T) {
	const schedules, clients = 60, 4
	for seed := range uint64(schedules) {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			g := &modelGateway{seed, make(chan *wsgate.Conn[*model], clients)}
			app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueMessages: 20}}, routeTo("/ws", g))
			random := rand.New(rand.NewPCG(seed, 1<<32))
			for n := range clients {
				c := dialRaw(t, app, "/ws")
				go act(rand.New(rand.NewPCG(seed, 1000+uint64(n))), c)
			}
			<-time.After(time.Duration(random.IntN(10)) * time.Millisecond)
			for _, c := range drain(g.conns) { // others interfere
				switch random.IntN(4) {
				case 0:
					c.Close(websocket.StatusGoingAway, "")
				case 1:
					go c.Flush(t.Context())
				case 2:
					go c.Room("a").Except(c).Send(wsgate.Text("x"))
				}
				g.conns <- c
			}
			most := time.Minute
			if random.IntN(3) == 0 {
				most = time.Duration(random.IntN(3)) * time.Millisecond
			}
			<-time.After(time.Duration(random.IntN(1000)) * time.Millisecond)
			if took, err := shutdownWithin(app, most); took > most || (err != nil) != (errors.Is(err, context.DeadlineExceeded) && took == most) {
				t.Errorf("Shutdown within %v: %v after %v", most, err, took)
			}
			pass(time.Minute)
			if n, m := app.Hub().Len(), app.Hub().At("/ws").Room("a").Len()+app.Hub().At("/ws").Room("b").Len(); n+m > 0 {
				t.Errorf("%d connections are left, %d in rooms", n, m)
			}
			for _, c := range drain(g.conns) {
				want := 0
				if c.Data.opened {
					want = 1
				}
				if c.Data.closed != want {
					t.Errorf("OnClose ran %d times, want %d", c.Data.closed, want)
				}
				for _, wrong := range c.Data.wrong {
					t.Error(wrong)
				}
			}
			synctest.Wait()
		})
	}
}

// drain takes what is in the channel.
func drain[T any](ch chan T) (all []T) {
	for {
		select {
		case v := <-ch:
			all = append(all, v)
		default:
			return all
		}
	}
}
