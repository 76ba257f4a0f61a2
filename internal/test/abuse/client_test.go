package abuse

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// client is a bad client: it knows the protocol, and does with it what a test says.
type client struct {
	net.Conn
	tcp  *net.TCPConn // below it
	t    testing.TB
	s    *server
	name string
	user string // to whom its connection belongs, if to anybody
	in   *bufio.Reader
}

// dial opens a TCP connection to the server.
func (s *server) dial(t testing.TB) *client {
	t.Helper()
	return s.dialTo(t, s.addr, 0)
}

// dialTo opens a TCP connection that may lead through a proxy. A buffer that is not 0 is the size of the client's
// receive buffer.
func (s *server) dialTo(t testing.TB, addr string, buffer int) *client {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if buffer > 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) error { return setReceiveBuffer(raw, buffer) }
	}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	tcp := c.(*net.TCPConn)
	t.Cleanup(func() { tcp.Close() })
	if s.setup.tls != nil {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	return &client{Conn: c, tcp: tcp, t: t, s: s, name: s.name(), in: bufio.NewReader(c)}
}

// connect opens a WebSocket to the attacked route.
func (s *server) connect(t testing.TB) *client {
	t.Helper()
	return s.dial(t).handshake()
}

func (c *client) handshake() *client {
	c.t.Helper()
	c.put(c.s.upgrade(c.target()))
	c.upgraded()
	return c
}

// target is the attacked route, with the client's name for the book, and its user.
func (c *client) target() string {
	return attacked + "?name=" + c.name + "&user=" + url.QueryEscape(c.user)
}

// upgrade returns an upgrade request. A change "Name: value" takes the place of the line with that name, or is one
// more line if there is none; "+Name: value" is one more line in any case; "-Name" takes the line away. A target with
// a space is the whole request line.
func (s *server) upgrade(target string, changes ...string) []byte {
	lines := []string{
		"GET " + target + " HTTP/1.1",
		"Host: " + s.addr,
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}
	if strings.Contains(target, " ") {
		lines[0] = target
	}
	for _, change := range changes {
		name, _, _ := strings.Cut(strings.TrimPrefix(change, "-"), ":")
		if change[0] == '+' {
			lines = append(lines, change[1:])
			continue
		}
		switch at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+":") }); {
		case change[0] == '-':
			lines = slices.Delete(lines, at, at+1)
		case at >= 0:
			lines[at] = change
		default:
			lines = append(lines, change)
		}
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// put sends bytes, each slice in a write of its own.
func (c *client) put(segments ...[]byte) {
	c.t.Helper()
	c.SetWriteDeadline(time.Now().Add(patience))
	for _, b := range segments {
		if _, err := c.Write(b); err != nil {
			c.t.Errorf("writing: %v", err)
			return
		}
	}
}

// try sends bytes to a server that may have closed already. It reports whether it had not.
func (c *client) try(b []byte) bool {
	c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(b)
	return err == nil
}

// response reads the answer to a request.
func (c *client) response() *http.Response {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return resp
}

// upgraded reads the answer to an upgrade request, which has to be 101.
func (c *client) upgraded() {
	c.t.Helper()
	if resp := c.response(); resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(resp.Body)
		c.t.Fatalf("got %s, %q", resp.Status, body)
	}
}

// hears fails the test unless exactly these are the next frames, but for pings, which it answers: on a busy machine the
// time for one may be over at any moment.
func (c *client) hears(want ...wire.Frame) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	for _, w := range want {
		got, err := wire.ReadFrame(c.in)
		for ; err == nil && got.First == ping; got, err = wire.ReadFrame(c.in) {
			c.put(masked(pong, got.Payload))
		}
		if err != nil || got.First != w.First || !bytes.Equal(got.Payload, w.Payload) {
			c.t.Fatalf("got frame %v (%v), want %v", got, err, w)
		}
	}
}

// echoes fails the test unless the connection still works.
func (c *client) echoes() {
	c.t.Helper()
	c.put(masked(text, []byte("still there?")))
	c.hears(wire.Frame{First: text, Payload: []byte("still there?")})
}

// idle waits a moment in which the server may work; what it sends is read later.
func (c *client) idle(d time.Duration) {
	c.SetReadDeadline(time.Now().Add(d))
	c.in.Peek(min(c.in.Buffered()+1, c.in.Size()))
}

// end is how a connection ended, as the client saw it.
type end struct {
	frames []wire.Frame         // all but the close frame
	code   websocket.StatusCode // -1 without a close frame
	reason string
	reset  bool // rather than a FIN
	open   bool // it did not end
	took   time.Duration
}

const noFrame websocket.StatusCode = -1

// last reads until the server has closed the connection, or the time is over.
func (c *client) last(most time.Duration) (e end) {
	begun := time.Now()
	c.SetReadDeadline(begun.Add(most))
	e.code = noFrame
	for {
		f, err := wire.ReadFrame(c.in)
		e.took = time.Since(begun)
		switch {
		case isTimeout(err):
			e.open = true
			return e
		case err == nil && e.code != noFrame:
			c.t.Errorf("got frame %v after the close frame", f)
		case err == nil && f.First == closing:
			if e.code = websocket.StatusNoStatusRcvd; len(f.Payload) >= 2 {
				e.code = websocket.StatusCode(binary.BigEndian.Uint16(f.Payload))
				e.reason = string(f.Payload[2:])
			}
		case err == nil:
			e.frames = append(e.frames, f)
		default:
			if err == io.ErrUnexpectedEOF && e.code != noFrame {
				c.t.Error("got a part of a frame after the close frame")
			}
			e.reset = isReset(err)
			return e
		}
	}
}

// ends fails the test unless the server closes the connection at once: with that close code, and with that cause in
// OnClose.
func (c *client) ends(code websocket.StatusCode, cause error) end {
	c.t.Helper()
	e := c.last(late)
	if e.open {
		c.t.Errorf("the connection is open %v later, close code %d %q, frames %v", late, e.code, e.reason, e.frames)
		c.Close()
	}
	if e.code != code {
		c.t.Errorf("got close code %d %q, want %d", e.code, e.reason, code)
	}
	c.closedWith(cause)
	return e
}

// endsAfter is ends for what happens when a limit is over.
func (c *client) endsAfter(limit time.Duration, code websocket.StatusCode, cause error) end {
	c.t.Helper()
	e := c.last(2 * ratio * limit)
	if e.open || e.took < limit*9/10 || e.took > ratio*limit {
		c.t.Errorf("after %v open is %v, want an end after %v", e.took, e.open, limit)
		c.Close()
	}
	if e.code != code {
		c.t.Errorf("got close code %d %q, want %d", e.code, e.reason, code)
	}
	c.closedWith(cause)
	return e
}

// Causes that no exported error stands for.
var (
	errViolation = errors.New("any cause that speaks of a protocol violation")
	errLost      = errors.New("any cause that says how the connection was lost")
	errClosedSo  = errors.New("the close code that a hook chose")
	errPanic     = errors.New("the panic that ended the connection")
	errAny       = errors.New("any cause at all, or none")
)

// closedWith fails the test unless OnClose ran, once, with that cause.
func (c *client) closedWith(want error) {
	c.t.Helper()
	e := c.s.book.of(c.name)
	if !within(patience, e.closed) {
		c.t.Errorf("OnClose did not run for %s", c.name)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	got := e.causes[0]
	var ok bool
	switch want {
	case nil:
		ok = got == nil
	case errViolation:
		ok = got != nil && strings.Contains(got.Error(), "protocol violation")
	case errLost:
		ok = errors.Is(got, io.ErrUnexpectedEOF) || isReset(got)
	case errClosedSo:
		ok = websocket.CloseStatus(got) >= 4000
	case errPanic:
		var p *wsgate.PanicError
		ok = errors.As(got, &p)
	case errAny:
		ok = true
	default:
		ok = errors.Is(got, want)
	}
	if !ok || len(e.causes) != 1 {
		c.t.Errorf("OnClose got %v, want %v", e.causes, want)
	}
}

// neverOpened fails the test if OnOpen has run.
func (c *client) neverOpened() {
	c.t.Helper()
	if opens, closes := c.s.book.of(c.name).counts(); opens+closes > 0 {
		c.t.Errorf("OnOpen ran %d times, OnClose %d times", opens, closes)
	}
}

// reset ends the connection as a crashed host does.
func (c *client) reset() {
	c.tcp.SetLinger(0)
	c.tcp.Close()
}

// flood sends the same bytes until the server closes, or the most has been sent. It returns a function that waits.
func (c *client) flood(b []byte, most int) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sent := 0; sent < most && c.try(b); sent += len(b) {
		}
	}()
	return func() { <-done }
}

// dribble sends bytes one by one, the last one again and again, until the server closes. It returns a function that
// waits for it.
func (c *client) dribble(every time.Duration, b ...byte) (wait func()) {
	var each [][]byte
	for i := range b {
		each = append(each, b[i:i+1])
	}
	return c.dribbleFrames(every, each...)
}

// dribbleFrames is dribble for larger pieces.
func (c *client) dribbleFrames(every time.Duration, each ...[]byte) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for i := 0; c.try(each[i]); <-ticker.C {
			i = min(i+1, len(each)-1)
		}
	}()
	return func() { <-done }
}

// discard reads whatever comes until the server has closed the connection, or the time is over.
func (c *client) discard(most time.Duration) (e end) {
	c.SetReadDeadline(time.Now().Add(most))
	_, err := io.Copy(io.Discard, c.in)
	e.open = isTimeout(err)
	return e
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
