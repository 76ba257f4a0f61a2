package clustertest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/wire"
)

// audience are members of a room that do nothing but count what they get.
type audience struct {
	hearing sync.WaitGroup

	mu      sync.Mutex // guards following
	got     int
	want    int
	reached chan struct{} // closed when got is want
}

// enter connects a member and joins the room. The connection ends with the test.
func (a *audience) enter(t *testing.T, n *node) {
	t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	in, resp, err := wire.Handshake(conn)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s: %v, %v", n.name, resp, err)
	}
	if _, err := conn.Write(wire.Masked(wire.Text, []byte(`{"type":"join","id":1,"data":"red"}`))); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ReadFrame(in); err != nil {
		t.Fatal(err)
	}
	a.hearing.Go(func() {
		for {
			if err := discardFrame(in); err != nil {
				return // the connection is closed at the end, and before that somebody waits in vain
			}
			a.count()
		}
	})
}

// discardFrame reads a short frame.
func discardFrame(in *bufio.Reader) error {
	head, err := in.Peek(4)
	if err != nil {
		return err
	}
	size := 2 + int(head[1])
	if head[1] == 126 {
		size = 4 + int(binary.BigEndian.Uint16(head[2:]))
	}
	if head[0] != wire.Text || head[1] > 126 {
		return fmt.Errorf("got a frame %x", head)
	}
	_, err = io.CopyN(io.Discard, in, int64(size))
	return err
}

func (a *audience) count() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.got++; a.got == a.want {
		close(a.reached)
	}
}

// expect returns a channel that is closed when so many more have come.
func (a *audience) expect(more int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.want += more
	a.reached = make(chan struct{})
	return a.reached
}

func (a *audience) await(t *testing.T, reached <-chan struct{}) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-reached:
	case <-late.C:
		a.mu.Lock()
		defer a.mu.Unlock()
		t.Fatalf("the members have got %d lines, want %d", a.got, a.want)
	}
}

// measureFanOut returns how many lines a second reach all members of a room.
func measureFanOut(t *testing.T, e *engine, nodes int) (rate float64) {
	const atOnce = 20 // lines on their way
	t.Run(fmt.Sprint("fan-out over ", nodes), func(t *testing.T) {
		c := startCluster(t, e.start(t), nodes)
		a := &audience{}
		t.Cleanup(a.hearing.Wait) // behind the end of the connections
		for i := range members {
			a.enter(t, c.nodes[i%nodes])
		}
		speaker := newcomer(t, c.nodes[0], func(line) {})
		lines := 0
		begun := time.Now()
		for time.Since(begun) < fanOutFor {
			reached := a.expect(atOnce * members)
			for range atOnce {
				lines++
				speaker.start(context.Background(), string(say), measuredLine(lines))
			}
			a.await(t, reached)
		}
		rate = float64(lines) / time.Since(begun).Seconds()
	})
	return rate
}
