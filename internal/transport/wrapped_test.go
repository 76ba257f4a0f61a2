package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// scrambled is a connection that encrypts, in its way. Everything but Read and Write is the socket's own.
type scrambled struct{ *net.TCPConn }

func (c scrambled) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	scramble(p[:n])
	return n, err
}

func (c scrambled) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	scramble(p)
	return c.TCPConn.Write(p)
}

func scramble(p []byte) {
	for i := range p {
		p[i] ^= 0x5a
	}
}

// buffering is a connection that reads ahead, as one that looks for a PROXY header does.
type buffering struct {
	*net.TCPConn
	ahead *bufio.Reader
}

func (c *buffering) Read(p []byte) (int, error) { return c.ahead.Read(p) }

func newBuffering(c *net.TCPConn) net.Conn { return &buffering{c, bufio.NewReaderSize(c, 64<<10)} }

// wrapping is a listener whose connections are the user's own.
type wrapping struct {
	net.Listener
	wrap func(*net.TCPConn) net.Conn
}

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(c.(*net.TCPConn)), nil
}

// overWrapped serves on a listener that wraps its connections, with TLS on top of that if there is a certificate.
func overWrapped(t testing.TB, h http.Handler, wrap func(*net.TCPConn) net.Conn, certificates []tls.Certificate) (addr string) {
	s := httptest.NewUnstartedServer(h)
	s.Listener = wrapping{s.Listener, wrap}
	if certificates != nil {
		s.Listener = tls.NewListener(s.Listener, &tls.Config{Certificates: certificates})
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// What a listener has put around its sockets is used for everything, not for the handshake only: every byte goes
// through it in both directions, and those it has read already are not lost.
func TestWrappedConnections(t *testing.T) {
	known := httptest.NewTLSServer(nil)
	known.Close()
	certificates := known.TLS.Certificates
	same := func(c net.Conn) net.Conn { return c }
	clientScrambled := func(c net.Conn) net.Conn { return scrambled{c.(*net.TCPConn)} }
	overTLS := func(under func(net.Conn) net.Conn) func(net.Conn) net.Conn {
		return func(c net.Conn) net.Conn {
			return tls.Client(under(c), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is not the point
		}
	}
	for _, test := range []struct {
		name         string
		wrap         func(*net.TCPConn) net.Conn
		certificates []tls.Certificate
		client       func(net.Conn) net.Conn
	}{
		{"encrypting", func(c *net.TCPConn) net.Conn { return scrambled{c} }, nil, clientScrambled},
		{"buffering", newBuffering, nil, same},
		{"encrypting, below TLS", func(c *net.TCPConn) net.Conn { return scrambled{c} }, certificates, overTLS(clientScrambled)},
		{"buffering, below TLS", newBuffering, certificates, overTLS(same)},
	} {
		t.Run(test.name, func(t *testing.T) {
			ends := make(chan error, 1)
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }}}))
			socket, err := net.Dial("tcp", overWrapped(t, app, test.wrap, test.certificates))
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			c := kit.NewRaw(t, test.client(socket))
			// Sent in one piece: most of the frames are read together with the request.
			var sent [][]byte
			var want []string
			for i := range 100 {
				text := fmt.Sprintf("%03d%s", i, strings.Repeat("x", i*10))
				sent = append(sent, wire.Masked(wire.Text, []byte(text)))
				want = append(want, "text "+text)
			}
			c.Handshake("/ws", sent...)
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			hears := func(want string) {
				t.Helper()
				first, payload, err := c.ReadFrame()
				if got := kit.Describe(first, payload); err != nil || got != want {
					t.Fatalf("got %.40q, %v, want %.40q", got, err, want)
				}
			}
			for _, w := range want {
				hears(w)
			}
			c.Put(wire.Masked(wire.Text, []byte("later")))
			hears("text later")
			c.Put(kit.CloseFrame(1000, "bye"))
			hears("close 1000 bye")
			if err := kit.Receive(t, ends, "OnClose"); err != nil {
				t.Errorf("OnClose got %v, want nil", err)
			}
		})
	}
}

// ownHijack is a ResponseWriter, as middleware puts around another, that hands out a connection of its own.
type ownHijack struct {
	http.ResponseWriter
	hijack func() (net.Conn, *bufio.ReadWriter, error)
}

func (w ownHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

// What middleware has put around the connection that it hands out at Hijack is used as well, and all that is in the reader
// beside it arrives, however much that is.
func TestWrappedHijack(t *testing.T) {
	t.Run("wrapped", func(t *testing.T) {
		testHijack(t, func(c *net.TCPConn) net.Conn { return scrambled{c} })
	})
	t.Run("as it is", func(t *testing.T) {
		testHijack(t, func(c *net.TCPConn) net.Conn { return c })
	})
}

// testHijack tests a Hijack with what is put around both ends of the connection, and with a full reader.
func testHijack(t *testing.T, wrap func(*net.TCPConn) net.Conn) {
	const early = 40 << 10 // more than net/http would have
	wrapping := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(ownHijack{w, func() (net.Conn, *bufio.ReadWriter, error) {
				raw, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return nil, nil, err
				}
				conn := wrap(raw.(*net.TCPConn))
				sent := bytes.Repeat(wire.Masked(wire.Text, bytes.Repeat([]byte("x"), 1<<10)), early>>10)
				in := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(sent), conn), 2*early)
				if _, err := in.Peek(len(sent)); err != nil {
					return nil, nil, err
				}
				return conn, bufio.NewReadWriter(in, rw.Writer), nil
			}}, r)
		})
	}
	app := kit.NewApp(t, &wsgate.Options{HTTP: []any{wrapping}}, kit.RouteTo("/ws", &kit.MessageGateway{}))
	socket, err := net.Dial("tcp", kit.OverTCP(t, app))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	// The request is read before there is a wrapped connection, and the status is written before.
	io.WriteString(socket, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	c := kit.NewRaw(t, wrap(socket.(*net.TCPConn)))
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if resp, err := http.ReadResponse(bufio.NewReader(iotest.OneByteReader(socket)), nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v, want 101", resp, err)
	}
	in := bufio.NewReader(c)
	for i := range early >> 10 {
		if f, err := wire.ReadFrame(in); err != nil || len(f.Payload) != 1<<10 {
			t.Fatalf("message %d: got %v, %v", i, f, err)
		}
	}
	c.Put(wire.Masked(wire.Text, []byte("later")))
	if f, err := wire.ReadFrame(in); err != nil || string(f.Payload) != "later" {
		t.Errorf("got %v, %v", f, err)
	}
}

// stuck is a connection that, once it is told so, does not return from anything but Read.
type stuck struct {
	net.Conn
	begin, end chan struct{} // closed
}

func (c *stuck) wait() {
	select {
	case <-c.begin:
		<-c.end
	default:
	}
}

func (c *stuck) Write(p []byte) (int, error)        { c.wait(); return c.Conn.Write(p) }
func (c *stuck) Close() error                       { c.wait(); return c.Conn.Close() }
func (c *stuck) SetDeadline(t time.Time) error      { c.wait(); return c.Conn.SetDeadline(t) }
func (c *stuck) SetWriteDeadline(t time.Time) error { c.wait(); return c.Conn.SetWriteDeadline(t) }

// Whatever a member's connection does, who sends to the room does not wait for it, nor who comes or goes meanwhile, nor the
// heartbeat of others.
func TestStuckMember(t *testing.T) {
	ends := make(chan string, 10)
	limits := wsgate.Limits{QueueMessages: 10, Ping: 200 * time.Millisecond, Pong: 200 * time.Millisecond, Write: time.Second, Close: time.Second}
	app := kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", slowGateway(ends)))
	begin, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	addr := overWrapped(t, app, func(c *net.TCPConn) net.Conn { return &stuck{c, begin, end} }, nil)
	kit.DialRawTCP(t, addr, "/ws?name=stuck")
	silent := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws?name=silent") // found by the heartbeat
	room := app.Hub().At("/ws").Room("room")
	for room.Len() < 2 {
		<-time.After(time.Millisecond)
	}
	close(begin)
	done := make(chan string)
	for name, do := range map[string]func(){
		"sending": func() {
			for range 5 * limits.QueueMessages {
				room.Send(wsgate.Text("x"))
			}
		},
		"a newcomer": func() {
			c := kit.Dial(t, app, "/ws?name=newcomer")
			for room.Len() < 2 {
				<-time.After(time.Millisecond)
			}
			c.CloseNow()
		},
		"the heartbeat": func() { silent.Gone(10 * time.Second) },
	} {
		go func() { do(); done <- name }()
	}
	waiting := time.After(15 * time.Second)
	for range 3 {
		select {
		case <-done:
		case <-waiting:
			t.Fatal("somebody waits for the connection that is stuck")
		}
	}
}

// broken is a connection that panics, once it is told so.
type broken struct {
	net.Conn
	begin chan struct{} // closed
	in    string
}

func (c *broken) breaks(in string) {
	select {
	case <-c.begin:
		if in == c.in {
			panic("broken")
		}
	default:
	}
}

func (c *broken) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.breaks("Read")
	return n, err
}

func (c *broken) Write(p []byte) (int, error) { c.breaks("Write"); return c.Conn.Write(p) }
func (c *broken) Close() error                { c.Conn.Close(); c.breaks("Close"); return nil }

// A panic in a listener's own connection ends that connection, and nothing else.
func TestBrokenConnection(t *testing.T) {
	for _, in := range []string{"Read", "Write", "Close"} {
		t.Run(in, func(t *testing.T) {
			ends := make(chan error, 1)
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }}}))
			begin := make(chan struct{})
			c := kit.DialRawTCP(t, overWrapped(t, app, func(c *net.TCPConn) net.Conn { return &broken{c, begin, in} }, nil), "/ws")
			c.Put(wire.Masked(wire.Text, []byte("x")))
			if first, _, err := c.Frame(); err != nil || first != wire.Text {
				t.Fatalf("got %#x, %v", first, err)
			}
			close(begin)
			c.Put(wire.Masked(wire.Text, []byte("y")))
			if in == "Close" {
				c.Put(kit.CloseFrame(1000, ""))
			}
			err := kit.Receive(t, ends, "OnClose")
			if got, want := fmt.Sprint(err), "panicked: broken"; in != "Close" && !strings.Contains(got, want) {
				t.Errorf("OnClose got %q, want %q", got, want)
			}
		})
	}
}
