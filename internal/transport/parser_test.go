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

// A connection that gets plain frames only has none of coder/websocket's; the first other one brings it, and is read.
func TestParserIsMadeWhenNeeded(t *testing.T) {
	engine := transport.NewEngine(time.Second, 1<<30)
	type read struct {
		text   string
		parser bool
	}
	reads, ended := make(chan read), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, &transport.AcceptOptions{
			Limits: limits, Engine: engine, Counters: new(transport.Counters), Owner: patient{}, Admit: func() (context.Context, *transport.Refusal) { return context.Background(), nil },
		})
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer close(ended)
			for {
				_, data, _, err := c.Read()
				if err != nil {
					c.End(err)
					return
				}
				reads <- read{string(data), c.HasParser()}
			}
		}()
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
		want read
	}{
		{wire.Masked(wire.Text, []byte("plain")), read{"plain", false}},
		{append(fragmented, rest...), read{"fragments", true}},
		{wire.Masked(wire.Text, []byte("plain again")), read{"plain again", true}},
	} {
		if _, err := client.Write(step.send); err != nil {
			t.Fatal(err)
		}
		if got := <-reads; got != step.want {
			t.Errorf("got %+v, want %+v", got, step.want)
		}
	}
	client.Close()
	<-ended
	engine.Stop()
}
