package clustertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/wire"
)

const (
	floodMembers = 30   // of each room of a flood, on another node than its speaker
	floodLine    = 400  // bytes of padding in a line
	floodWarm    = 1000 // lines of the flood before the first line beside it
)

// TestFloodedRooms has clients of one node speak in some rooms as fast as they can, which have members on another. Lines in
// other rooms, of which one is said a millisecond, are not lost.
func TestFloodedRooms(t *testing.T) {
	if *floodFlag == 0 {
		t.Skip("it takes all processors: go test -run TestFlooded -flood 2000")
	}
	for _, e := range engines {
		if e.scheme == "" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			c := startCluster(t, e.start(t), 2)
			said := make([]atomic.Int64, quietLines())
			var heard heardLines
			listener := newcomer(t, c.nodes[1], func(l line) { heard.add(l.Room, l.Seq, time.Unix(0, said[l.Seq].Load())) })
			for i := range quietTopics {
				listener.mustAsk(t, string(join), fmt.Sprint("quiet ", i))
			}
			end := floodRooms(t, c)
			speaker := newcomer(t, c.nodes[0], func(line) {})
			pace := time.NewTicker(quietEvery)
			defer pace.Stop()
			var answers []<-chan reply
			for n := range said {
				<-pace.C
				said[n].Store(time.Now().UnixNano())
				answers = append(answers, speaker.start(context.Background(), string(say), line{Room: fmt.Sprint("quiet ", n%quietTopics), Seq: n}))
			}
			end()
			for n, answer := range answers {
				var s spoken
				if err := answerOf(context.Background(), answer, &s); err != nil || s.Away {
					t.Errorf("line %d: got %v and ErrBroker: %v, want neither", n, err, s.Away)
				}
			}
			heard.check(t, len(said))
			t.Logf("the nodes have counted %+v and %+v", c.nodes[0].counters(t), c.nodes[1].counters(t))
		})
	}
}

// floodRooms begins a flood, and returns how to end it.
func floodRooms(t *testing.T, c *cluster) (end func()) {
	t.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // behind the ends of the connections
	var lines atomic.Int64
	for i := range floodTopics {
		room := fmt.Sprint("flood ", i)
		for range floodMembers {
			running.Go(discard(enterRaw(t, c.nodes[1], room)))
		}
		speaker := enterRaw(t, c.nodes[0], "of the speaker "+room)
		running.Go(discard(speaker))
		text := fmt.Sprintf(`{"type":"say","id":1,"data":{"room":%q,"padding":%q}}`, room, strings.Repeat("x", floodLine))
		frame := wire.Masked(wire.Text, []byte(text))
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := speaker.Write(frame); err != nil {
					return
				}
				lines.Add(1)
			}
		})
	}
	waitUntil(t, "the flood", func() bool { return lines.Load() > floodWarm })
	return func() { close(done) }
}

// enterRaw connects to a node and joins a room.
func enterRaw(t *testing.T, n *node, room string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	in, resp, err := wire.Handshake(conn)
	if err != nil {
		t.Fatalf("%s: %v, %v", n.name, resp, err)
	}
	if _, err := conn.Write(wire.Masked(wire.Text, fmt.Appendf(nil, `{"type":"join","id":1,"data":%q}`, room))); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ReadFrame(in); err != nil {
		t.Fatal(err)
	}
	return conn
}

// discard reads what comes until the connection ends.
func discard(conn net.Conn) func() {
	return func() { _, _ = io.Copy(io.Discard, conn) }
}
