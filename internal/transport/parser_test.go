package transport_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/internal/transport"
)

// parsed is a message, and whether the connection had one of coder/websocket's when it came.
type parsed struct {
	text   string
	parser bool
}

// parsedReader reads all messages of a connection.
type parsedReader struct {
	patient
	conn  *transport.Conn
	reads chan parsed
	ended chan struct{}
}

func (r *parsedReader) Resume() {
	for {
		_, data, _, err := r.conn.Read()
		if err == transport.ErrParked {
			return
		}
		if err != nil {
			r.conn.End(err)
			close(r.ended)
			return
		}
		r.reads <- parsed{string(data), r.conn.HasParser()}
	}
}

// A connection that gets plain frames only has none of coder/websocket's; the first other one brings it, and is read.
func TestParserIsMadeWhenNeeded(t *testing.T) {
	engine := transport.NewEngine(time.Second, 1<<30)
	own := &parsedReader{reads: make(chan parsed), ended: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, &transport.AcceptOptions{
			Limits: limits, Engine: engine, Counters: new(transport.Counters), Owner: own, Admit: func() (context.Context, *transport.Refusal) { return context.Background(), nil },
		})
		if err != nil {
			t.Error(err)
			return
		}
		own.conn = c
		go own.Resume()
	}))
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := wire.Handshake(client); err != nil {
		t.Fatal(err)
	}
	fragmented := wire.Masked(wire.Text, []byte("frag"))
	fragmented[0] = wire.Text &^ 0x80
	rest := wire.Masked(wire.Text, []byte("ments"))
	rest[0] = 0x80
	for _, step := range []struct {
		send []byte
		want parsed
	}{
		{wire.Masked(wire.Text, []byte("plain")), parsed{"plain", false}},
		{append(fragmented, rest...), parsed{"fragments", true}},
	} {
		if _, err := client.Write(step.send); err != nil {
			t.Fatal(err)
		}
		if got := <-own.reads; got != step.want {
			t.Errorf("got %+v, want %+v", got, step.want)
		}
	}
	if _, err := client.Write(wire.Masked(wire.Text, []byte("plain again"))); err != nil {
		t.Fatal(err)
	}
	if got := <-own.reads; got.text != "plain again" { // it may have been parked meanwhile, without a parser
		t.Errorf("got %+v", got)
	}
	client.Close()
	<-own.ended
	engine.Stop()
}
