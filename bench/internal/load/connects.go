//go:build linux

package load

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/wire"
)

// lingering is how many connections a client leaves open after the closing
// handshake, because it is for the server to end them, before it ends them itself.
const lingering = 64

// Connects opens connections for the measured time, several at a time. Each
// does the handshake, one echo and the closing handshake.
func Connects(t Target, workers, size int, times Times) (Figures, error) {
	echo := t.Dialect.Request(wire.NewPayload(size), false).Bytes
	bye := wire.NewClientFrame(wire.OpClose, []byte{1000 >> 8, 1000 & 0xff}).Bytes
	var made atomic.Int64
	var failed atomic.Pointer[error]
	var stop atomic.Bool
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			var left []*conn
			defer func() { closeAll(left) }()
			for !stop.Load() {
				c, err := t.visit(int(made.Load()), echo, bye)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				made.Add(1)
				if left = append(left, c); len(left) > lingering {
					left[0].close()
					left = left[1:]
				}
			}
		})
	}
	take := func() (reading, error) {
		r := reading{at: time.Now(), units: uint64(made.Load())}
		var err error
		if r.server, err = t.Server.CPU(); err != nil {
			return r, err
		}
		r.client, err = clientCPU(unix.RUSAGE_SELF)
		return r, err
	}
	time.Sleep(times.WarmUp)
	before, errBefore := take()
	time.Sleep(times.Measure)
	after, errAfter := take()
	stop.Store(true)
	group.Wait()
	for _, err := range []*error{failed.Load(), &errBefore, &errAfter} {
		if err != nil && *err != nil {
			return Figures{}, *err
		}
	}
	f := after.since(before)
	f.Checked = uint64(made.Load())
	return f, nil
}

// visit is one short connection up to the server's close frame.
func (t Target) visit(i int, echo, bye []byte) (*conn, error) {
	c, err := t.dialer().dial(i, contender.PathEcho)
	if err != nil {
		return nil, err
	}
	if err := c.exchange(echo, wire.OpText); err != nil {
		c.close()
		return nil, fmt.Errorf("the echo: %w", err)
	}
	if err := c.exchange(bye, wire.OpClose); err != nil {
		c.close()
		return nil, fmt.Errorf("the closing handshake: %w", err)
	}
	return c, nil
}

// exchange writes a frame and waits for one of that kind.
func (c *conn) exchange(frame []byte, answer byte) error {
	if err := c.writeAll(frame); err != nil {
		return err
	}
	for {
		opcode, err := c.readFrame()
		if err != nil || opcode == answer {
			return err
		}
	}
}
