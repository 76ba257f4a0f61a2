package wsgate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
)

// patience bounds what a test waits for. In a bubble of testing/synctest it costs nothing; it is longer than every
// default limit.
const patience = 3 * time.Minute

// testData is what each connection of a test gateway has of its own.
type testData struct {
	name  string
	notes []string
}

type testConn = wsgate.Conn[testData]

// testHooks are a gateway's hooks as functions. Those that are nil do nothing.
type testHooks struct {
	upgrade func(r *http.Request) (testData, error)
	open    func(ctx context.Context, c *testConn) error
	close   func(ctx context.Context, c *testConn, err error)
}

func (h *testHooks) OnUpgrade(r *http.Request) (testData, error) {
	if h.upgrade == nil {
		return testData{name: r.FormValue("name")}, nil
	}
	return h.upgrade(r)
}

func (h *testHooks) OnOpen(ctx context.Context, c *testConn) error {
	if h.open == nil {
		return nil
	}
	return h.open(ctx, c)
}

func (h *testHooks) OnClose(ctx context.Context, c *testConn, err error) {
	if h.close != nil {
		h.close(ctx, c, err)
	}
}

// messageGateway takes messages as they are. Without a function it sends them back.
type messageGateway struct {
	testHooks
	message func(ctx context.Context, c *testConn, m wsgate.Message) error
}

func (g *messageGateway) OnMessage(ctx context.Context, c *testConn, m wsgate.Message) error {
	if g.message == nil {
		return c.Send(m)
	}
	return g.message(ctx, c, m)
}

// eventGateway takes typed events.
type eventGateway struct {
	testHooks
	table wsgate.Events[testData]
}

func (g *eventGateway) Events() wsgate.Events[testData] { return g.table }

// routeTo returns a route to a gateway that exists already.
func routeTo[G any](path string, g *G) wsgate.Route {
	return wsgate.Route{Path: path, New: func() *G { return g }}
}

// testApp is an App with a log that tests can look into.
type testApp struct {
	*wsgate.App
	log *testLog
}

// newApp builds an App with the routes. It is shut down at the end of the test, which fails if that does not succeed.
func newApp(t testing.TB, opts *wsgate.Options, routes ...wsgate.Route) *testApp {
	t.Helper()
	return newAppOf(t, opts, &wsgate.Module{Gateways: routes})
}

func newAppOf(t testing.TB, opts *wsgate.Options, root *wsgate.Module) *testApp {
	t.Helper()
	var o wsgate.Options
	if opts != nil {
		o = *opts
	}
	log := &testLog{serving: make(chan struct{})}
	o.Logger = slog.New(log)
	app, err := wsgate.New(root, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown at the end of the test: %v", err)
		}
	})
	return &testApp{app, log}
}

// shutdown shuts the App down and returns what Shutdown returns.
func (a *testApp) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return a.Shutdown(ctx)
}

// testLog is a slog.Handler that keeps what is logged at warning level and above.
type testLog struct {
	serving chan struct{} // closed when Serve says that it serves
	mu      sync.Mutex    // guards following
	lines   []string
}

func (l *testLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *testLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *testLog) WithGroup(string) slog.Handler                    { return l }

func (l *testLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		if strings.Contains(r.Message, "serving") {
			close(l.serving)
		}
		return nil
	}
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// with returns the lines that contain all of the words.
func (l *testLog) with(words ...string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// journal is a list of what happened, in order.
type journal struct {
	mu    sync.Mutex // guards following
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// want fails the test unless exactly this has happened.
func (j *journal) want(t testing.TB, want ...string) {
	t.Helper()
	if got := j.all(); !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

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
	frameText   = 0x81 // the whole message in one frame
	frameBinary = 0x82
	frameClose  = 0x88
	framePing   = 0x89
	framePong   = 0x8a
)

// clientFrame returns a frame as a client sends it: masked, though with a key of zeros.
func clientFrame(first byte, payload []byte) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

// closeFrame returns a client's close frame.
func closeFrame(code websocket.StatusCode, reason string) []byte {
	return clientFrame(frameClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
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
	var head [8]byte
	if _, err := io.ReadFull(c, head[:2]); err != nil {
		return 0, nil, err
	}
	first = head[0]
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(c, head[:2])
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(c, head[:8])
		n = binary.BigEndian.Uint64(head[:8])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c, payload)
	return first, payload, err
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

// bubble runs a subtest in fake time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
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

// receive waits for a value.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatalf("waited too long for %s", what)
		panic("unreachable")
	}
}

// pass lets fake time pass, and then waits until everybody has done what the time had them do. It is for bubbles only.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// dialWith is dial with header fields.
func dialWith(t testing.TB, h http.Handler, target string, header http.Header) *testClient {
	t.Helper()
	c, _, err := memory.Dial(h, target, header)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}
