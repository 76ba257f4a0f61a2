package conformance

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/test/wire"
)

// A step of a case: something to send, or something that has to come.
type step struct {
	send []byte
	chop int // bytes in one write, 0 for all of it

	want    *wire.Frame
	message *wire.Frame               // a whole message, in whatever frames
	closed  []websocket.StatusCode    // the connection closes, with one of the codes; noCode stands for no close frame
	check   func(*client) (err error) // anything else
}

// noCode stands for a connection that ends without a close frame.
const noCode websocket.StatusCode = -1

// A testCase is one conversation.
type testCase struct {
	id    string // section.number, after Autobahn's sections
	what  string
	offer string // Sec-WebSocket-Extensions
	steps []step
}

// What most steps are.

func send(frames ...[]byte) step { return step{send: bytes.Join(frames, nil)} }

func chopped(n int, frames ...[]byte) step { return step{send: bytes.Join(frames, nil), chop: n} }

func hear(first byte, payload []byte) step {
	return step{want: &wire.Frame{First: first, Payload: payload}}
}

func hearMessage(first byte, payload []byte) step {
	return step{message: &wire.Frame{First: first, Payload: payload}}
}

func closes(codes ...websocket.StatusCode) step { return step{closed: codes} }

// normalEnd is the closing handshake of a client that has seen enough.
func normalEnd(steps ...step) []step {
	return append(steps, send(wire.Close(1000, "")), closes(1000))
}

func payload(n int) []byte { return bytes.Repeat([]byte("*"), n) }

// client is a connection to the server under test.
type client struct {
	net.Conn
	in     *bufio.Reader
	agreed string // the extensions of the response
}

const patience = 10 * time.Second

// dial connects and makes the handshake.
func dial(t *testing.T, addr string, secure bool, offer string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	var headers []string
	if offer != "" {
		headers = []string{"Sec-WebSocket-Extensions: " + offer}
	}
	in, resp, err := wire.Handshake(conn, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != wire.Accept {
		t.Fatalf("got %s with %v", resp.Status, resp.Header)
	}
	c := &client{Conn: conn, in: in}
	c.agreed = resp.Header.Get("Sec-WebSocket-Extensions")
	return c
}

// take makes one step.
func (c *client) take(s step) error {
	c.SetDeadline(time.Now().Add(patience))
	switch {
	case s.send != nil:
		return c.write(s.send, s.chop)
	case s.want != nil:
		got, err := wire.ReadFrame(c.in)
		return differ(got, err, *s.want)
	case s.message != nil:
		got, err := c.readMessage()
		return differ(got, err, *s.message)
	case s.check != nil:
		return s.check(c)
	default:
		return c.ends(s.closed)
	}
}

// write sends in pieces. A server that has closed meanwhile does not read them all, which the next step will see.
func (c *client) write(b []byte, chop int) error {
	if chop == 0 {
		chop = max(1, len(b))
	}
	for len(b) > 0 {
		n := min(chop, len(b))
		if _, err := c.Write(b[:n]); err != nil {
			return nil
		}
		b = b[n:]
	}
	return nil
}

func differ(got wire.Frame, err error, want wire.Frame) error {
	switch {
	case err != nil:
		return fmt.Errorf("got %w, want frame %v", err, want)
	case got.First != want.First || !bytes.Equal(got.Payload, want.Payload):
		return fmt.Errorf("got frame %v, want %v", got, want)
	}
	return nil
}

// readMessage reads the frames of one message, and inflates it if it is compressed.
func (c *client) readMessage() (message wire.Frame, err error) {
	for first := true; ; first = false {
		f, err := wire.ReadFrame(c.in)
		if err != nil {
			return message, err
		}
		if first {
			message.First = f.First | wire.Fin
		} else if f.First&0x7f != 0 {
			return message, fmt.Errorf("frame %v inside of a message", f)
		}
		message.Payload = append(message.Payload, f.Payload...)
		if f.First&wire.Fin != 0 {
			break
		}
	}
	if message.First&wire.RSV1 != 0 {
		if c.agreed == "" {
			return message, fmt.Errorf("a compressed message, which was not agreed upon")
		}
		message.First &^= wire.RSV1
		message.Payload, err = inflateAlone(message.Payload)
	}
	return message, err
}

// inflateAlone inflates a message that was compressed without context takeover (RFC 7692 section 7.2.2).
func inflateAlone(b []byte) ([]byte, error) {
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(b), strings.NewReader(tail))))
}

// ends reads to the end of the connection.
func (c *client) ends(codes []websocket.StatusCode) error {
	code := noCode
	for {
		f, err := wire.ReadFrame(c.in)
		switch {
		case err != nil && strings.Contains(err.Error(), "timeout"):
			return fmt.Errorf("the connection stays open, close code %d", code)
		case err != nil:
			for _, want := range codes {
				if code == want {
					return nil
				}
			}
			return fmt.Errorf("got close code %d, want %v", code, codes)
		case f.First != wire.Closing:
			return fmt.Errorf("got frame %v, want the end with %v", f, codes)
		case code != noCode:
			return fmt.Errorf("got a second close frame")
		case len(f.Payload) == 0:
			code = websocket.StatusNoStatusRcvd
		default:
			code = websocket.StatusCode(uint16(f.Payload[0])<<8 | uint16(f.Payload[1]))
		}
		c.Conn.(interface{ CloseWrite() error }).CloseWrite() // nothing more comes: the server need not wait for it
	}
}
