package lifecycle

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// client plays one peer: it does random things until it has had enough.
type client struct {
	memory.Conn
	random *rand.Rand
	reads  bool // else it never reads

	asked, told int // questions and messages sent

	mu      sync.Mutex     // guards following
	last    map[string]int // of each source: the number of the last broadcast
	answers map[int]int    // by the question's id: how many came
	closed  bool           // a close frame came
	ended   bool           // nothing more comes
	left    bool           // the client ended it
	wrong   []string
}

func newClient(conn memory.Conn, random *rand.Rand) *client {
	return &client{Conn: conn, random: random, reads: random.IntN(5) > 0, last: map[string]int{}, answers: map[int]int{}}
}

func (c *client) fail(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// listen checks what comes until nothing does.
func (c *client) listen() {
	in := bufio.NewReader(c.Conn)
	for {
		f, err := wire.ReadFrame(in)
		c.mu.Lock()
		if err != nil {
			c.ended = true
			if err == io.ErrUnexpectedEOF && c.closed {
				c.fail("a part of a frame behind a close frame")
			}
			c.mu.Unlock()
			return
		}
		c.check(f)
		c.mu.Unlock()
		if f.First == wire.Ping {
			c.put(wire.Masked(wire.Pong, f.Payload))
		}
	}
}

// check is called with the lock held.
func (c *client) check(f wire.Frame) {
	if c.closed {
		c.fail("%v behind a close frame", f)
	}
	if f.First == wire.Closing {
		c.closed = true
	}
	if f.First != wire.Text {
		return
	}
	var m struct {
		Type, Source string
		N, ID        int
	}
	if err := json.Unmarshal(f.Payload, &m); err != nil {
		c.fail("%v: %v", f, err)
		return
	}
	switch {
	case m.ID != 0:
		if c.answers[m.ID]++; c.answers[m.ID] > 1 {
			c.fail("a second answer to %d: %v", m.ID, f)
		}
	case m.Type == "told":
		if last := c.last[m.Source]; m.N <= last {
			c.fail("broadcast %d of one source after its %d", m.N, last)
		}
		c.last[m.Source] = m.N
	}
}

// put sends frames, for a second at most.
func (c *client) put(frames ...[]byte) {
	c.SetWriteDeadline(time.Now().Add(time.Second))
	for _, f := range frames {
		c.Write(f)
	}
}

func (c *client) say(text string, args ...any) []byte {
	return wire.Masked(wire.Text, fmt.Appendf(nil, text, args...))
}

func (c *client) nextTell() []byte {
	c.told++
	return c.say(`{"type":"tell","data":%d}`, c.told)
}

func (c *client) nextAsk() []byte {
	c.asked++
	hows := []string{"well", "nil", "refuse", "fail", "late"}
	if c.random.IntN(4) == 0 {
		return c.say(`{"type":"$refresh","id":%d,"token":"t"}`, c.asked)
	}
	if c.random.IntN(6) == 0 {
		return c.say(`{"type":"nobody knows this","id":%d}`, c.asked)
	}
	return c.say(`{"type":"ask","id":%d,"data":%q}`, c.asked, hows[c.random.IntN(len(hows))])
}

// act does things until it ends the connection or falls silent.
func (c *client) act() {
	for range 4 + c.random.IntN(12) {
		switch c.random.IntN(10) {
		case 0, 1, 2:
			c.put(c.nextTell())
		case 3, 4:
			c.put(c.nextAsk())
		case 5: // pipelined
			c.put(append(append(c.nextTell(), c.nextAsk()...), c.nextTell()...))
		case 6: // in pieces
			f := c.nextTell()
			c.put(f[:3])
			c.pause()
			c.put(f[3:])
		case 7:
			c.put(c.say(`{"type":"move","data":"room %d"}`, c.random.IntN(3)))
		case 8:
			c.put(wire.Masked(wire.Ping, []byte("x")))
		case 9:
			c.pause()
		}
	}
	c.end()
}

func (c *client) pause() { <-time.After(time.Duration(c.random.IntN(4000)) * time.Microsecond) }

// end ends the connection in some way, or makes the server end it, or leaves it be.
func (c *client) end() {
	troubles := []string{"panic", "goexit", "close", "error", "flood", "wait"}
	switch c.random.IntN(8) {
	case 0:
		return // it stays
	case 1:
		c.put(c.say(`{"type":"trouble","data":%q}`, troubles[c.random.IntN(len(troubles))]))
		if c.random.IntN(2) == 0 {
			c.pause()
			c.leave(memory.Conn.Reset)
		}
		return
	case 2:
		c.put(wire.Close(uint16(1000+c.random.IntN(2)), ""))
	case 3:
		c.leave(memory.Conn.Close)
	case 4:
		c.leave(memory.Conn.Reset)
	case 5:
		c.leave(memory.Conn.CloseWrite)
	case 6:
		c.put([]byte{0xff, 0xff}) // no frame
	case 7:
		c.put(wire.Close(1000, ""))
		c.leave(memory.Conn.Close)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
}

func (c *client) leave(how func(memory.Conn) error) {
	c.mu.Lock()
	c.left = true
	c.mu.Unlock()
	how(c.Conn)
}

// unanswered returns the questions that should have an answer by now and have none: those of a client that reads, whose
// connection nobody has ended.
func (c *client) unanswered() (ids []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reads || c.left || c.closed || c.ended {
		return nil
	}
	for id := 1; id <= c.asked; id++ {
		if c.answers[id] == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}
