package transport_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// A client that has sent far more than one read takes is handled for no longer than that while others are ready to run.
func TestFloodYields(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const size, perRead = 1000, 16
	var handled atomic.Int64
	began, sent, ran := make(chan bool), make(chan bool), make(chan int64, 1)
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error {
		switch handled.Add(1) {
		case 1:
			began <- true
			<-sent // all of it
		case 2 * perRead: // what was read ahead has been handled
			go func() { ran <- handled.Load() }()
		}
		return nil
	}}))
	server := httptest.NewServer(app)
	defer server.Close()
	c := kit.DialRawTCP(t, server.Listener.Addr().String(), "/ws", wire.Masked(wire.Text, nil))
	kit.Receive(t, began, "the first message")
	c.Put(bytes.Repeat(wire.Masked(wire.Text, make([]byte, size)), 200))
	close(sent)
	if after := kit.Receive(t, ran, "the other's turn") - 2*perRead; after > 2*perRead {
		t.Errorf("another goroutine had its turn after %d more messages, want no more than a read or two take, %d", after, 2*perRead)
	} else {
		t.Logf("after %d more messages", after)
	}
}
