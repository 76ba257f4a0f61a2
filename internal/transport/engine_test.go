package transport_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/transport"
)

var limits = &transport.Limits{
	Message: 1 << 16, Wire: 1 << 18, Frames: 1 << 10, Assembly: time.Minute,
	QueueBytes: 1 << 20, QueueMessages: 1 << 10, Write: time.Minute, Handler: time.Minute, Close: time.Second, Ping: time.Minute, Pong: time.Minute,
}

// The allocator has nothing between 480 and 512 bytes, and every idle connection pays for it.
func TestConnSize(t *testing.T) {
	if transport.ConnSize > 480 {
		t.Errorf("a connection has %d bytes, want at most 480", transport.ConnSize)
	}
}

// A broadcast from outside may outlast the connections it is for: its End races with nothing, and starts no flusher
// that nobody waits for.
func TestStopRacesWithBroadcast(t *testing.T) {
	message := frame.NewMessage(websocket.MessageText, []byte("x"))
	for range 200 {
		engine, counters := transport.NewEngine(time.Second, 1<<30), new(transport.Counters)
		accepted := make(chan *transport.Conn, 1)
		accept := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := transport.Accept(w, r, &transport.AcceptOptions{
				Limits: limits, Engine: engine, Counters: counters, Owner: patient{}, Admit: func() (context.Context, *transport.Refusal) { return t.Context(), nil },
			})
			if err != nil {
				t.Error(err)
			}
			accepted <- c
		})
		client, _, err := memory.DialRaw(accept, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		c := <-accepted
		b := engine.Broadcast(message, nil, counters)
		b.To(c)
		client.Close()
		_, _, _, err = c.Read()
		c.End(err)
		var both sync.WaitGroup
		both.Go(func() { b.End() })
		both.Go(engine.Stop)
		both.Wait()
	}
}

// patient is an Owner who takes no notice of slow handlers.
type patient struct{}

func (patient) HandlerIsSlow() {}
func (patient) Park()          {}
func (patient) Resume()        {}
