package kit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// RawClient is the client's end of a bare connection after the handshake.
type RawClient struct {
	net.Conn
	t testing.TB
}

// NewRaw returns a client on a connection. It is closed at the end of the test.
func NewRaw(t testing.TB, c net.Conn) *RawClient {
	t.Cleanup(func() { c.Close() })
	return &RawClient{c, t}
}

// DialRaw opens a connection in memory.
func DialRaw(t testing.TB, h http.Handler, target string) *RawClient {
	t.Helper()
	c, _, err := memory.DialRaw(h, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewRaw(t, c)
}

// CloseFrame returns a client's close frame.
func CloseFrame(code websocket.StatusCode, reason string) []byte {
	return wire.Close(uint16(code), reason)
}

// Put writes bytes as they are.
func (c *RawClient) Put(b ...[]byte) {
	c.t.Helper()
	c.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := c.Write(bytes.Join(b, nil)); err != nil {
		c.t.Errorf("writing: %v", err)
	}
}

// Frame reads the server's next frame.
func (c *RawClient) Frame() (first byte, payload []byte, err error) {
	c.SetReadDeadline(time.Now().Add(Patience))
	return c.ReadFrame()
}

func (c *RawClient) ReadFrame() (first byte, payload []byte, err error) {
	f, err := wire.ReadFrame(c)
	return f.First, f.Payload, err
}

// Gone waits until the server has closed the bare connection, and returns the frames that came before. It fails the
// test if that takes longer than the given time.
func (c *RawClient) Gone(within time.Duration) (frames []string) {
	c.t.Helper()
	begun := time.Now()
	for {
		first, payload, err := c.Frame()
		if err != nil {
			if took := time.Since(begun); took > within {
				c.t.Errorf("the connection was cut after %v, want at most %v (%v)", took, within, err)
			}
			return frames
		}
		frames = append(frames, Describe(first, payload))
	}
}

// ReadOn reads until the connection ends, and notes all frames but pongs.
func (c *RawClient) ReadOn(frames *Journal) {
	c.SetReadDeadline(time.Time{})
	for {
		first, payload, err := c.ReadFrame()
		if err != nil {
			return
		}
		if first != wire.Pong {
			frames.Add("%s", Describe(first, payload))
		}
	}
}

// Describe returns a frame in words, e.g. "close 1000 bye".
func Describe(first byte, payload []byte) string {
	switch first {
	case wire.Text:
		return "text " + string(payload)
	case wire.Binary:
		return "binary " + string(payload)
	case wire.Ping:
		return "ping " + string(payload)
	case wire.Pong:
		return "pong " + string(payload)
	case wire.Closing:
		if len(payload) < 2 {
			return "close"
		}
		return fmt.Sprintf("close %d %s", binary.BigEndian.Uint16(payload), payload[2:])
	}
	return fmt.Sprintf("%#x %q", first, payload)
}

// DialRawTCP makes the handshake over a socket and sends the bytes together with it.
func DialRawTCP(t testing.TB, addr, target string, early ...[]byte) *RawClient {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := NewRaw(t, conn)
	c.Handshake(target, early...)
	return c
}

// Handshake makes a connection to the server a WebSocket, and sends the bytes together with it.
func (c *RawClient) Handshake(target string, early ...[]byte) {
	c.t.Helper()
	c.SetDeadline(time.Now().Add(Patience))
	request := "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := c.Write(append([]byte(request), bytes.Join(early, nil)...)); err != nil {
		c.t.Fatal(err)
	}
	for head := ""; !strings.HasSuffix(head, "\r\n\r\n"); { // byte by byte: what follows is the server's first frame
		var b [1]byte
		if _, err := c.Read(b[:]); err != nil {
			c.t.Fatal(err)
		}
		if head += string(b[:]); strings.HasSuffix(head, "\r\n") && strings.Count(head, "\r\n") == 1 && !strings.Contains(head, "101") {
			c.t.Fatalf("got %q", head)
		}
	}
}
