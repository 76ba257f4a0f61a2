package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// A client that reads steadily but slowly finds the ping behind everything else that waits for it. It has its time for
// the answer from then on, and no longer.
func TestPingBehindABacklog(t *testing.T) {
	const backlog = 100 // messages, and the client reads one a second
	for _, answers := range []bool{true, false} {
		kit.Bubble(t, fmt.Sprint("the client answers: ", answers), func(t *testing.T) {
			g, ends := endsOf(t)
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
			c := kit.DialRaw(t, app, "/ws")
			synctest.Wait()
			for range backlog {
				if err := app.Hub().Send(wsgate.Text(strings.Repeat("x", 3000))); err != nil {
					t.Fatal(err)
				}
			}
			for range backlog {
				wstest.Pass(time.Second)
				if first, _, err := c.Frame(); err != nil || first != wire.Text {
					t.Fatalf("got %#x, %v, want a message", first, err)
				}
			}
			if first, _, err := c.Frame(); err != nil || first != wire.Ping {
				t.Fatalf("got %#x, %v, want a ping", first, err)
			}
			pinged := time.Now()
			if answers {
				wstest.Pass(9 * time.Second)
				c.Put(wire.Masked(wire.Pong, nil))
				if first, _, err := c.Frame(); err != nil || first != wire.Ping {
					t.Errorf("got %#x, %v, want the next ping", first, err)
				}
				return
			}
			c.Gone(kit.Patience)
			until(t, "dead", time.Since(pinged), 10*time.Second, 10*time.Second)
			if err := kit.Receive(t, ends, "OnClose"); !errors.Is(err, wsgate.ErrPingTimeout) {
				t.Errorf("OnClose got %v, want ErrPingTimeout", err)
			}
		})
	}
}

// A ping is no reason to end a connection whose queue is full: the client has enough to read.
func TestPingDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ends := endsOf(t)
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueMessages: 60}}, kit.RouteTo("/ws", g))
		c := kit.DialRaw(t, app, "/ws")
		synctest.Wait()
		message := wsgate.Text(strings.Repeat("x", 3000))
		for range 60 {
			app.Hub().Send(message)
		}
		for range 100 { // the queue is always full
			if first, _, err := c.Frame(); err != nil || first != wire.Text {
				t.Fatalf("got %#x, %v, want a message", first, err)
			}
			synctest.Wait()
			app.Hub().Send(message)
			wstest.Pass(time.Second)
		}
		if len(ends) > 0 {
			t.Errorf("the connection has ended: %v", <-ends)
		}
	})
}

// What the kernels on both sides hold is read before the ping as well, and frees room for more in large lumps. A client
// that reads steadily is neither dead nor too slow meanwhile.
func TestSlowReaderBehindKernelBuffers(t *testing.T) {
	const rate = 300 << 10 // bytes a second
	for _, over := range []string{"TCP", "TLS"} {
		for _, test := range []struct {
			name   string
			size   int // of what is sent
			limits wsgate.Limits
			lasts  time.Duration
		}{
			{"all in the kernel", 1 << 20, wsgate.Limits{Ping: time.Second, Pong: time.Second}, 4 * time.Second},
			{"more than that", 32 << 20, wsgate.Limits{Ping: time.Second, Pong: time.Second, Write: 2 * time.Second}, 6 * time.Second},
		} {
			t.Run(over+", "+test.name, func(t *testing.T) {
				t.Parallel()
				g, ends := endsOf(t)
				opened := make(chan struct{})
				g.Open = func(context.Context, *kit.Conn) error { close(opened); return nil }
				test.limits.QueueBytes = 64 << 20
				app := kit.NewApp(t, &wsgate.Options{Limits: test.limits}, kit.RouteTo("/ws", g))
				socket, err := net.Dial("tcp", overListener(t, app, "tcp", "127.0.0.1:0", over == "TLS"))
				if err != nil {
					t.Fatal(err)
				}
				defer socket.Close()
				if err := socket.(*net.TCPConn).SetReadBuffer(32 << 10); err != nil {
					t.Fatal(err)
				}
				c := kit.NewRaw(t, socket)
				if over == "TLS" {
					c.Conn = tls.Client(socket, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is not the point
				}
				c.Handshake("/ws")
				kit.Receive(t, opened, "OnOpen") // else what is sent first goes to nobody, and the client has too little to read
				for range test.size / (64 << 10) {
					app.Hub().Send(wsgate.Binary(make([]byte, 64<<10)))
				}
				begun, read, buf := time.Now(), 0, make([]byte, 8<<10)
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for read < test.size && time.Since(begun) < test.lasts && len(ends) == 0 {
					<-tick.C
					for read < int(time.Since(begun).Seconds()*rate) {
						n, err := c.Read(buf)
						if read += n; err != nil {
							t.Fatalf("after %v: %v; OnClose: %v", time.Since(begun), err, kit.Receive(t, ends, "OnClose"))
						}
					}
				}
				if len(ends) > 0 {
					t.Errorf("the connection has ended after %v and %d bytes: %v", time.Since(begun), read, <-ends)
				}
			})
		}
	}
}
