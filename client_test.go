package wsgate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// testClient is a client that fails its test.
type testClient struct {
	*websocket.Conn
	t testing.TB
}

// dial opens a connection in memory.
func dial(t testing.TB, h http.Handler, target string) *testClient {
	t.Helper()
	c, _, err := memory.Dial(h, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func newClient(t testing.TB, c *websocket.Conn) *testClient {
	c.SetReadLimit(-1)
	t.Cleanup(func() { c.CloseNow() })
	return &testClient{c, t}
}

// dialRefused dials and returns the answer that is not an upgrade.
func dialRefused(t testing.TB, h http.Handler, target string, header http.Header) *http.Response {
	t.Helper()
	c, resp, err := memory.Dial(h, target, header)
	if err == nil {
		c.CloseNow()
		t.Fatal("the upgrade was accepted")
	}
	if resp == nil {
		t.Fatal(err)
	}
	return resp
}

// say sends a text message.
func (c *testClient) say(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Errorf("sending %.40q: %v", text, err)
	}
}

// hear returns the next message.
func (c *testClient) hear() string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err != nil {
		c.t.Errorf("reading: %v", err)
		return ""
	}
	return string(data)
}

// hears fails the test unless exactly these are the next messages.
func (c *testClient) hears(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.hear(); got != w {
			c.t.Errorf("got message %.200q, want %.200q", got, w)
		}
	}
}

// rest returns the messages up to the end of the connection, and the close frame; its code is -1 if there was none.
func (c *testClient) rest() (messages []string, end websocket.CloseError) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		_, data, err := c.Read(ctx)
		if err != nil {
			if !errors.As(err, &end) {
				end = websocket.CloseError{Code: -1, Reason: err.Error()}
			}
			return messages, end
		}
		messages = append(messages, string(data))
	}
}

// closed fails the test unless the server closes with that code and nothing comes before.
func (c *testClient) closed(code websocket.StatusCode, reason string) {
	c.t.Helper()
	messages, end := c.rest()
	if len(messages) > 0 {
		c.t.Errorf("got messages %.200q before the close frame", messages)
	}
	if end.Code != code || !strings.Contains(end.Reason, reason) {
		c.t.Errorf("got close %d %q, want %d %q", end.Code, end.Reason, code, reason)
	}
}

// rawClient is the client's end of a bare connection after the handshake.
type rawClient struct {
	net.Conn
	t testing.TB
}

func dialRaw(t testing.TB, h http.Handler, target string) *rawClient {
	t.Helper()
	c, _, err := memory.DialRaw(h, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &rawClient{c, t}
}

const (
	frameText   = wire.Text // the whole message in one frame
	frameBinary = wire.Binary
	frameClose  = wire.Closing
	framePing   = wire.Ping
	framePong   = wire.Pong
)

var clientFrame = wire.Masked

// closeFrame returns a client's close frame.
func closeFrame(code websocket.StatusCode, reason string) []byte {
	return wire.Close(uint16(code), reason)
}

// put writes bytes as they are.
func (c *rawClient) put(b ...[]byte) {
	c.t.Helper()
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write(bytes.Join(b, nil)); err != nil {
		c.t.Errorf("writing: %v", err)
	}
}

// frame reads the server's next frame.
func (c *rawClient) frame() (first byte, payload []byte, err error) {
	c.SetReadDeadline(time.Now().Add(patience))
	return c.readFrame()
}

func (c *rawClient) readFrame() (first byte, payload []byte, err error) {
	f, err := wire.ReadFrame(c)
	return f.First, f.Payload, err
}

// gone waits until the server has closed the bare connection, and returns the frames that came before. It fails the
// test if that takes longer than the given time.
func (c *rawClient) gone(within time.Duration) (frames []string) {
	c.t.Helper()
	begun := time.Now()
	for {
		first, payload, err := c.frame()
		if err != nil {
			if took := time.Since(begun); took > within {
				c.t.Errorf("the connection was cut after %v, want at most %v (%v)", took, within, err)
			}
			return frames
		}
		frames = append(frames, describe(first, payload))
	}
}

// readOn reads until the connection ends, and notes all frames but pongs.
func (c *rawClient) readOn(frames *journal) {
	c.SetReadDeadline(time.Time{})
	for {
		first, payload, err := c.readFrame()
		if err != nil {
			return
		}
		if first != framePong {
			frames.add("%s", describe(first, payload))
		}
	}
}

// describe returns a frame in words, e.g. "close 1000 bye".
func describe(first byte, payload []byte) string {
	switch first {
	case frameText:
		return "text " + string(payload)
	case frameBinary:
		return "binary " + string(payload)
	case framePing:
		return "ping " + string(payload)
	case framePong:
		return "pong " + string(payload)
	case frameClose:
		if len(payload) < 2 {
			return "close"
		}
		return fmt.Sprintf("close %d %s", binary.BigEndian.Uint16(payload), payload[2:])
	}
	return fmt.Sprintf("%#x %q", first, payload)
}

// overTCP serves the handler on a real socket, where writes are made without blocking, and returns its address.
func overTCP(t testing.TB, h http.Handler) (addr string) {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// dialTCP opens a connection over a real socket.
func dialTCP(t testing.TB, addr, target string) *testClient {
	t.Helper()
	c, _, err := websocket.Dial(context.Background(), "ws://"+addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

// transports are the ways to connect: a pipe and a TLS connection, to which every write may block, and a socket.
var transports = []struct {
	name    string
	connect func(t testing.TB, app *testApp) (dial func(target string) *testClient)
}{
	{"pipe", func(t testing.TB, app *testApp) func(string) *testClient {
		return func(target string) *testClient { return dial(t, app, target) }
	}},
	{"socket", func(t testing.TB, app *testApp) func(string) *testClient {
		addr := overTCP(t, app)
		return func(target string) *testClient { return dialTCP(t, addr, target) }
	}},
	{"tls", func(t testing.TB, app *testApp) func(string) *testClient {
		s := httptest.NewTLSServer(app)
		t.Cleanup(s.Close)
		return func(target string) *testClient {
			opts := &websocket.DialOptions{HTTPClient: s.Client()}
			c, _, err := websocket.Dial(context.Background(), s.URL+target, opts)
			if err != nil {
				t.Fatal(err)
			}
			return newClient(t, c)
		}
	}},
}

// dialWith is dial with header fields.
func dialWith(t testing.TB, h http.Handler, target string, header http.Header) *testClient {
	t.Helper()
	c, _, err := memory.Dial(h, target, header)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}
