package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

const tooLong = "close 1009 message over 65536 bytes"

// toldTooLong sends all of it, before it looks at an answer, which has to say why it was refused.
func toldTooLong(t *testing.T, c *kit.RawClient, message []byte) {
	t.Helper()
	c.SetWriteDeadline(time.Now().Add(kit.Patience))
	if n, err := c.Write(message); err != nil {
		t.Errorf("after %d of %d bytes: %v", n, len(message), err)
	}
	if got := c.Gone(kit.Patience); len(got) != 1 || got[0] != tooLong {
		t.Errorf("got %q, want %q", got, tooLong)
	}
}

// A client learns why its message was refused, however much of it is under way then.
func TestTooLongIsTold(t *testing.T) {
	message := wire.Masked(wire.Text, make([]byte, 16<<20))
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	plain := kit.OverTCP(t, app)
	secure := httptest.NewTLSServer(app)
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: plain}))
	t.Cleanup(proxy.Close)
	for _, test := range []struct {
		name, addr string
		secure     bool
	}{
		{"socket", plain, false},
		{"TLS", secure.Listener.Addr().String(), true},
		{"proxy", proxy.Listener.Addr().String(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", test.addr)
			if err != nil {
				t.Fatal(err)
			}
			if test.secure {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is not the point
			}
			c := kit.NewRaw(t, conn)
			c.Handshake("/ws")
			toldTooLong(t, c, message)
		})
	}
}

// A client that is no longer read because its message is too long is told as well if it sends that message in pieces, or
// others behind it.
func TestTooLongIsToldBehindFrames(t *testing.T) {
	for _, test := range []struct {
		name string
		send [][]byte
	}{
		{"fragments", [][]byte{
			wire.Masked(0x01, make([]byte, 60<<10)), bytes.Repeat(wire.Masked(0x00, make([]byte, 60<<10)), 100),
			wire.Masked(0x80, nil),
		}},
		{"messages", [][]byte{
			wire.Masked(wire.Text, make([]byte, 1<<20)), bytes.Repeat(wire.Masked(wire.Text, make([]byte, 60<<10)), 100),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
			c := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws")
			toldTooLong(t, c, bytes.Join(test.send, nil))
		})
	}
}

// Who does not answer is let go at the end of the message, when enough was read, or when Limits.Close is over.
func TestTooLongForEver(t *testing.T) {
	for _, test := range []struct {
		name  string
		size  uint32 // of the message; 60 KiB of it are sent
		limit time.Duration
		rest  int // how many bytes follow at a time, one millisecond after the other
	}{
		{"sends on", 1 << 31, time.Hour, 1 << 20},
		{"sends on slowly", 1 << 31, 50 * time.Millisecond, 1},
		{"stops", 1 << 31, 50 * time.Millisecond, 0},
		{"is at its end", 60 << 10, time.Hour, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ends := make(chan error, 1) // no ping ends it
			g := &kit.MessageGateway{Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }}}
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Message: 1 << 10, Close: test.limit, Ping: 2 * time.Hour}}, kit.RouteTo("/ws", g))
			c := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws")
			piece := append([]byte{wire.Text, 0xff, 0, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, test.size)...)
			piece = append(piece, make([]byte, 4+60<<10)...) // the mask, and the payload
			c.SetWriteDeadline(time.Now().Add(kit.Patience))
			if _, err := c.Write(piece); err != nil {
				t.Fatal(err)
			}
			if test.rest > 0 {
				writesOn(t, c, make([]byte, test.rest))
			}
			if err := kit.Receive(t, ends, "OnClose"); !kit.IsError(wsgate.ErrLimit)(err) {
				t.Errorf("OnClose got %v, want ErrLimit", err)
			}
		})
	}
}

// writesOn writes every millisecond, until the server has closed the connection.
func writesOn(t *testing.T, c *kit.RawClient, what []byte) {
	t.Helper()
	next := time.NewTicker(time.Millisecond)
	defer next.Stop()
	enough := time.After(kit.Patience)
	for {
		select {
		case <-next.C:
			if _, err := c.Write(what); err != nil {
				return
			}
		case <-enough:
			t.Fatal("the server reads on")
		}
	}
}

// A client that sends on behind its own close frame, never so late that it seems to have ended, is let go when Limits.Close
// is over.
func TestSendsBehindItsCloseFrame(t *testing.T) {
	answers := func(_ context.Context, c *kit.Conn, m wsgate.Message) error { return c.Send(m) }
	takes := func(context.Context, *kit.Conn, wsgate.Message) error { return nil }
	whole := wire.Masked(wire.Text, []byte("whole"))
	fragments := append(wire.Masked(wire.Begins, []byte("in ")), wire.Masked(wire.Last, []byte("two"))...)
	for _, test := range []struct {
		name    string
		before  []byte
		message func(context.Context, *kit.Conn, wsgate.Message) error
	}{
		{"the first of all", nil, answers},
		{"after a message", whole, answers},
		{"after a message that has no answer", whole, takes},
		{"after fragments", fragments, answers},
		{"after fragments that have no answer", fragments, takes},
	} {
		t.Run(test.name, func(t *testing.T) {
			ends := make(chan error, 1)
			g := &kit.MessageGateway{Message: test.message, Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }}}
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Close: 100 * time.Millisecond, Ping: 2 * time.Hour}}, kit.RouteTo("/ws", g))
			c := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws")
			ping := wire.Masked(wire.Ping, nil)
			c.SetWriteDeadline(time.Now().Add(2 * kit.Patience))
			_, err := c.Write(bytes.Join([][]byte{test.before, kit.CloseFrame(1000, ""), bytes.Repeat(ping, 100)}, nil))
			if err != nil {
				t.Fatal(err)
			}
			writesOn(t, c, ping)
			if err := kit.Receive(t, ends, "OnClose"); err != nil {
				t.Errorf("OnClose got %v, want nil", err)
			}
		})
	}
}

// A thousand clients that send too much at once are all told, and cost no more than a buffer each.
func TestThousandTooLong(t *testing.T) {
	const clients, size = 1000, 1 << 20
	app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Close: time.Minute}}, kit.RouteTo("/ws", &kit.MessageGateway{}))
	addr := kit.OverTCP(t, app)
	all := make([]*kit.RawClient, clients)
	for i := range all {
		all[i] = kit.DialRawTCP(t, addr, "/ws")
		all[i].Conn.(*net.TCPConn).SetWriteBuffer(32 << 10) // or the kernel would hold most of the message
	}
	message := wire.Masked(wire.Text, make([]byte, size))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var sending sync.WaitGroup
	for _, c := range all {
		sending.Go(func() { toldTooLong(t, c, message) })
	}
	sending.Wait()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapSys) - int64(before.HeapSys); used > clients*64<<10 {
		t.Errorf("the heap grew by %d KiB, want at most 64 KiB for a client", used>>10)
	}
}
