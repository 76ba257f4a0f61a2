package abuse

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// Row 58: many clients that do not read, each with messages of its own, which are little for one queue and much for all
// together. Those with the most are evicted, and memory stays bounded.
func manyStalled(t *testing.T) {
	const clients, total = 40, 8 << 20
	s := start(t, setup{
		options: wsgate.Options{Limits: wsgate.Limits{TotalQueueBytes: total}},
		limits:  wsgate.Limits{QueueBytes: 4 << 20, Write: time.Minute, Close: short, SendBuffer: 32 << 10},
		hooks:   hooks{message: push}, most: 8 * total, // with what is dropped and was not collected; in all it is twice as much
	})
	var stalled []*client
	for range clients {
		stalled = append(stalled, s.slow(t))
	}
	for i := range clients {
		stalled[i].put(masked(text, []byte("push 100 32768"))) // 3 MiB, and 125 MiB for all
	}
	evicted := func() (n int) {
		for _, c := range stalled {
			if within(0, s.book.of(c.name).closed) {
				n++
			}
		}
		return n
	}
	if !eventually(patience, func() bool { return evicted() >= clients/2 }) {
		t.Fatalf("%d of %d were evicted", evicted(), clients)
	}
	for _, c := range stalled {
		if within(0, s.book.of(c.name).closed) {
			c.closedWith(wsgate.ErrSlowClient)
		} else {
			c.reset()
			c.closedWith(errAny)
		}
	}
}

// Rows 61 and 62: a client that has sent more than the server reads ahead leaves while a handler runs, whose context ends at
// once all the same.
func leavesBehindInput(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not tell of an end that lies behind unread input")
	}
	ended := make(chan struct{}, 1)
	s := start(t, setup{hooks: hooks{message: func(ctx context.Context, _ *conn, m wsgate.Message) error {
		if string(m.Data) == "wait" {
			<-ctx.Done()
			ended <- struct{}{}
		}
		return nil
	}}})
	much := bytes.Repeat(masked(text, make([]byte, 1000)), 60)
	for name, leave := range map[string]func(c *client){
		"a reset": (*client).reset,
		"a FIN":   func(c *client) { c.tcp.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			c := s.connect(t)
			c.put(masked(text, []byte("wait")), much)
			c.idle(short / 10)
			leave(c)
			if !within(short, ended) {
				t.Errorf("the context has not ended %v later", short)
			}
			c.closedWith(errLost)
		})
	}
}
