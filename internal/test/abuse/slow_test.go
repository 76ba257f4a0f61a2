package abuse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// smallBuffer is a receive buffer that is soon full.
const smallBuffer = 4 << 10

// slow opens a WebSocket whose client has a small receive buffer.
func (s *server) slow(t testing.TB) *client {
	t.Helper()
	return s.dialTo(t, s.addr, smallBuffer).handshake()
}

// room joins each connection to one room.
func room(_ context.Context, c *conn) error { return c.Join("busy") }

// Row 58: a member of a busy room stops reading. It is evicted when its queue is full; the others get every message.
func stalledMember(t *testing.T) {
	const members = 5
	const queue = 512 << 10
	for _, size := range []int{1 << 10, 64 << 10} {
		burst := min(10, queue/2/size) // the others do not read meanwhile
		t.Run(fmt.Sprint("messages of ", size), func(t *testing.T) {
			s := start(t, setup{
				limits: wsgate.Limits{QueueBytes: queue, QueueMessages: 100, Write: time.Minute, Close: short},
				hooks:  hooks{open: room},
				most:   64 << 20,
			})
			stalled := s.slow(t)
			var others []*client
			for range members {
				others = append(others, s.connect(t))
			}
			if !eventually(patience, func() bool { return s.app.Hub().At(attacked).Room("busy").Len() == members+1 }) {
				t.Fatal("not all have joined")
			}
			stalled.stall(s.app.Hub().At(attacked).Room("busy"), others, size, burst)
		})
	}
}

// stall sends messages to a room until a member that does not read them is evicted. The others get every message.
func (c *client) stall(out wsgate.Room, others []*client, size, burst int) {
	c.t.Helper()
	pad := bytes.Repeat([]byte("x"), size)
	gone := c.s.book.of(c.name).closed
	begun, rounds := time.Now(), 0
	for ; !within(0, gone) && time.Since(begun) < 2*patience; rounds++ {
		for i := range burst {
			payload := append(fmt.Appendf(nil, "%d.%d ", rounds, i), pad...)
			if err := out.Send(wsgate.Message{Type: websocket.MessageText, Data: payload}); err != nil {
				c.t.Fatal(err)
			}
		}
		for _, other := range others {
			other.SetReadDeadline(time.Now().Add(late))
			for i := range burst {
				f, err := wire.ReadFrame(other.in)
				if want := fmt.Sprintf("%d.%d ", rounds, i); err != nil || !bytes.HasPrefix(f.Payload, []byte(want)) {
					c.t.Fatalf("a member got %v, %v, want %q", f, err, want)
				}
			}
		}
	}
	c.closedWith(wsgate.ErrSlowClient)
	c.t.Logf("evicted after %d messages, %d KiB", burst*rounds, burst*rounds*size>>10)
	for _, other := range others {
		other.leaves()
	}
}

// push is a message hook: each text "push n size" is answered by n messages of that size.
func push(_ context.Context, c *conn, m wsgate.Message) error {
	var n, size int
	if _, err := fmt.Sscanf(string(m.Data), "push %d %d", &n, &size); err != nil {
		return fmt.Errorf("%.40q was handled: %w", m.Data, err)
	}
	message := wsgate.Binary(bytes.Repeat([]byte("x"), size))
	for range n {
		if err := c.Send(message); err != nil {
			return err
		}
	}
	return nil
}

// Row 58 and 59: whoever takes too long to read one write is evicted as well.
func slowReader(t *testing.T) {
	s := start(t, setup{
		limits: wsgate.Limits{QueueBytes: 64 << 20, QueueMessages: 1 << 20, Write: short, Close: short},
		hooks:  hooks{message: push}, most: 128 << 20,
	})
	for _, tc := range []struct {
		name string
		push string
		rate int // bytes that are read every tenth of a second
	}{
		{"reads nothing, one large message", "push 1 16777216", 0},
		{"reads nothing, many small ones", "push 100000 150", 0},
		{"1 KB/s, large messages", "push 16 1048576", 100},
		{"1 KB/s, small messages", "push 100000 150", 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.slow(t)
			begun := time.Now()
			c.put(masked(text, []byte(tc.push)))
			gone := s.book.of(c.name).closed
			ticker := time.NewTicker(100 * time.Millisecond)
			defer ticker.Stop()
			for !within(0, gone) && time.Since(begun) < ratio*short {
				if c.SetReadDeadline(time.Now().Add(late)); tc.rate > 0 {
					io.CopyN(io.Discard, c.Conn, int64(tc.rate))
				}
				select {
				case <-ticker.C:
				case <-gone:
				}
			}
			c.closedWith(wsgate.ErrSlowClient)
			if took := time.Since(begun); took < short*9/10 || took > ratio*short {
				t.Errorf("it took %v, want %v", took, short)
			}
		})
	}
	t.Run("the handler learns of it", func(t *testing.T) { // by the error of Send, and its context
		c := s.slow(t)
		c.put(masked(text, []byte("push 1000000 150")))
		c.closedWith(wsgate.ErrSlowClient)
	})
}

// Rows 30, 58 and 62: a client that does not read ends its own side, with much still waiting for it.
func leavesWithoutReading(t *testing.T) {
	s := start(t, setup{
		limits: wsgate.Limits{QueueBytes: 64 << 20, Write: time.Minute, Close: short}, hooks: hooks{message: push}, most: 96 << 20,
	})
	for _, tc := range []struct {
		name  string
		send  []byte
		cause error
	}{
		{"with a close frame", closeFrame(1000, ""), errAny},
		{"with a violation", masked(text, []byte("\xff")), errViolation},
		{"with a FIN", nil, errLost},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.slow(t)
			c.put(masked(text, []byte("push 16 1048576")))
			if !eventually(patience, func() bool { c.idle(short / 10); return c.in.Buffered() > 0 }) {
				t.Fatal("nothing came")
			}
			begun := time.Now()
			if c.put(tc.send); tc.send == nil {
				c.tcp.CloseWrite()
			}
			c.closedWith(tc.cause)
			if took := time.Since(begun); took > ratio*short {
				t.Errorf("it took %v, want at most %v", took, short)
			}
		})
	}
}

// Row 58: a client that begins to read again in time gets whole frames, and the close frame that says why.
func slowReaderHearsWhy(t *testing.T) {
	s := start(t, setup{
		limits: wsgate.Limits{QueueBytes: 64 << 10, Write: time.Minute, Close: 3 * short},
		hooks:  hooks{message: push}, most: 64 << 20,
	})
	c := s.slow(t)
	c.put(masked(text, []byte("push 100000 1000")))
	full := func() bool { c.idle(short / 3); return c.in.Buffered() > 0 }
	if !eventually(patience, full) {
		t.Fatal("nothing came")
	}
	e := c.last(patience)
	if e.open || e.code != websocket.StatusTryAgainLater {
		t.Errorf("got close code %d %q, open is %v", e.code, e.reason, e.open)
	}
	for _, f := range e.frames {
		if f.First != bin || len(f.Payload) != 1000 {
			t.Fatalf("got frame %v", f)
		}
	}
	c.closedWith(wsgate.ErrSlowClient)
}
