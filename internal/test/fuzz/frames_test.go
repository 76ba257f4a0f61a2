package fuzz

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/wire"
)

var frameLimits = wsgate.Limits{Message: 256, MessageFrames: 8, ControlRate: 16}

// session is what a client got for its bytes.
type session struct {
	frames []string
	code   string // the close frame's: how a violation is worded depends on who sees it first
	closed bool   // there was one
	reset  bool
}

// FuzzFrames sends arbitrary bytes after the handshake, over a pipe, where coder/websocket parses all of them, and over
// TCP, where our own fast path parses what it can. Both say the same, and both end: no more is sent back than came in,
// nothing follows a close frame, and OnClose runs once.
func FuzzFrames(f *testing.F) {
	text := func(s string) []byte { return wire.Masked(wire.Text, []byte(s)) }
	for _, seed := range [][]byte{
		nil,
		text("hello"),
		bytes.Join([][]byte{text("a"), wire.Masked(wire.Ping, []byte("p")), text("b"), wire.Close(1000, "bye")}, nil),
		bytes.Join([][]byte{wire.Masked(wire.Begins, []byte("a")), wire.Masked(wire.Ping, nil), wire.Masked(wire.Last, []byte("b")), text("c")}, nil),
		text("\xff"),
		text(string(bytes.Repeat([]byte("x"), 300))),
		wire.MaskedAs(wire.Binary, []byte("long form"), 8),
		wire.Header(wire.Text, 1<<63, 8),
		wire.Unmasked(wire.Text, "unmasked"),
		wire.Masked(wire.Text|wire.RSV1, []byte("reserved")),
		wire.Masked(0x83, nil),
		wire.Close(1005, ""),
		wire.Close(1000, "\xff"),
		bytes.Repeat(wire.Masked(wire.Ping, nil), 40),
		bytes.Repeat(wire.Masked(wire.More, nil), 12),
	} {
		f.Add(seed, byte(0))
		f.Add(seed, byte(3))
	}
	tcp := &echo{}
	addr := serve(f, newApp(f, wsgate.Route{New: func() *echo { return tcp }}, frameLimits))
	f.Fuzz(func(t *testing.T, b []byte, chop byte) {
		var overPipe session
		synctest.Test(t, func(t *testing.T) { overPipe = talkOverPipe(t, b, int(chop)) })
		overTCP := talkOverTCP(t, addr, b, int(chop))
		compare(t, overPipe, overTCP)
		awaitBalance(t, tcp)
	})
}

// compare fails the test if the sessions differ by more than how far the server came before the client's end broke them
// off.
func compare(t *testing.T, pipe, tcp session) {
	t.Helper()
	if tcp.reset || pipe.reset {
		return
	}
	for i := range min(len(pipe.frames), len(tcp.frames)) {
		if pipe.frames[i] != tcp.frames[i] {
			t.Errorf("frame %d: %s over a pipe, %s over TCP", i, pipe.frames[i], tcp.frames[i])
		}
	}
	if pipe.closed != tcp.closed || pipe.code != tcp.code {
		t.Errorf("close frame: %v %s over a pipe, %v %s over TCP", pipe.closed, pipe.code, tcp.closed, tcp.code)
	}
	if pipe.closed && len(pipe.frames) != len(tcp.frames) {
		t.Errorf("%d frames before the close frame over a pipe, %d over TCP", len(pipe.frames), len(tcp.frames))
	}
}

func talkOverPipe(t *testing.T, b []byte, chop int) session {
	g := &echo{}
	app := newApp(t, wsgate.Route{New: func() *echo { return g }}, frameLimits)
	c, _, err := memory.DialRaw(app, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := talk(t, c, bufio.NewReader(c), b, chop)
	c.Close()
	if err := app.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if opened, closed := g.opened.Load(), g.closed.Load(); opened != 1 || closed != 1 {
		t.Errorf("%d OnOpen, %d OnClose", opened, closed)
	}
	return s
}

func talkOverTCP(t *testing.T, addr string, b []byte, chop int) session {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	in, resp, err := wire.Handshake(c)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	return talk(t, c, in, b, chop)
}

// talk sends b in pieces, ends its side, and reads what comes.
func talk(t *testing.T, c net.Conn, in *bufio.Reader, b []byte, chop int) (s session) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for rest := b; len(rest) > 0; {
			n := len(rest)
			if chop > 0 {
				n = min(n, chop)
			}
			if _, err := c.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		// A close frame has everything before it answered, unless the bytes left a frame open that swallows it.
		c.Write(wire.Close(1000, ""))
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	defer func() { <-done }()
	sent := 0
	for {
		f, err := wire.ReadFrame(in)
		if err != nil {
			s.reset = errors.Is(err, syscall.ECONNRESET)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatal("the connection did not end")
			}
			return s
		}
		if s.closed {
			t.Fatalf("%v behind a close frame", f)
		}
		if sent += len(f.Payload); sent > len(b)+1024 {
			t.Fatalf("more came back than was sent")
		}
		if f.First == wire.Closing {
			s.closed, s.code = true, fmt.Sprintf("%x", f.Payload[:min(2, len(f.Payload))])
			continue
		}
		s.frames = append(s.frames, fmt.Sprintf("%x %q", f.First, f.Payload))
	}
}

// awaitBalance waits until as many connections have closed as have opened.
func awaitBalance(t *testing.T, g *echo) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for g.opened.Load() != g.closed.Load() {
		select {
		case <-look.C:
		case <-late.C:
			t.Fatalf("%d OnOpen, %d OnClose", g.opened.Load(), g.closed.Load())
		}
	}
}
