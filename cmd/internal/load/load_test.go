package load_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/cmd/internal/load"
	"github.com/wsgate/wsgate/cmd/internal/wire"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/test/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(4)
	os.Exit(leak.Check(m.Run))
}

// serve returns how to connect to a server that treats every connection in that way.
func serve(t *testing.T, treat func(ctx context.Context, ws *websocket.Conn)) func(context.Context) (*websocket.Conn, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		treat(r.Context(), ws)
	}))
	t.Cleanup(server.Close)
	return func(ctx context.Context) (*websocket.Conn, error) {
		ws, _, err := websocket.Dial(ctx, server.URL, nil)
		return ws, err
	}
}

func echo(ctx context.Context, ws *websocket.Conn) {
	for {
		kind, text, err := ws.Read(ctx)
		if err != nil || ws.Write(ctx, kind, text) != nil {
			return
		}
	}
}

func events(t *testing.T) *load.Events {
	t.Helper()
	envelope, err := wire.New("type", "id", "")
	if err != nil {
		t.Fatal(err)
	}
	return &load.Events{Envelope: envelope, Event: "x", Payload: []byte(`{"a":1}`)}
}

// small is a run of 40 messages.
func small(dial func(context.Context) (*websocket.Conn, error), p load.Protocol) load.Config {
	return load.Config{
		Dial: dial, Protocol: p, Connections: 4, ConnectRate: 1000, Rate: 50,
		Duration: 200 * time.Millisecond, Patience: 30 * time.Second,
	}
}

func TestEcho(t *testing.T) {
	for _, p := range []load.Protocol{events(t), &load.Raw{Text: []byte("hello")}} {
		run := load.New(small(serve(t, echo), p))
		if s := run.Snapshot(); s != (load.Snapshot{}) {
			t.Errorf("%T: got %+v before it runs", p, s)
		}
		r := run.Do(t.Context())
		if r.Opened != 4 || r.Failed != 0 || r.Broken != 0 {
			t.Errorf("%T: got %d opened, %d failed, %d lost connections, want 4 opened: %v", p, r.Opened, r.Failed, r.Broken, r.Breakage)
		}
		if r.Sent != 40 || r.Answered != 40 || r.Errors+r.Lost+r.NotSent+r.Others != 0 {
			t.Errorf("%T: got %+v, want 40 sent and answered", p, r)
		}
		if r.Latency == nil || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P999 || r.Delay == nil || r.Delay.Max > r.Latency.Max {
			t.Errorf("%T: got latency %+v and delay %+v", p, r.Latency, r.Delay)
		}
		if r.Elapsed < 200*time.Millisecond || r.Rate() <= 0 || r.Rate() > 200 {
			t.Errorf("%T: got %v answers/s in %v, want at most 200", p, r.Rate(), r.Elapsed)
		}
		if s := run.Snapshot(); s.Elapsed == 0 || s.Opened != 4 || s.Sent != 40 || s.Answered != 40 || s.Latency == nil {
			t.Errorf("%T: got %+v after it ran", p, s)
		}
	}
}

// A server that stalls does not keep messages from being sent, and what was due meanwhile counts with its whole wait. A
// measurement that waits for answers would hang here, and one that forgives the wait would see one slow message.
func TestOpenLoop(t *testing.T) {
	const stalled = 20
	dial := serve(t, func(ctx context.Context, ws *websocket.Conn) {
		var held [][]byte
		for range stalled {
			_, text, err := ws.Read(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			held = append(held, text)
		}
		for _, text := range held {
			if err := ws.Write(ctx, websocket.MessageText, text); err != nil {
				t.Error(err)
			}
		}
		echo(ctx, ws)
	})
	config := small(dial, events(t))
	config.Connections, config.Rate, config.Duration = 1, 100, 300*time.Millisecond
	r := load.New(config).Do(t.Context())
	if r.Sent != 30 || r.Answered != 30 {
		t.Fatalf("got %+v, want 30 sent and answered", r)
	}
	// Message n waits from 10 n ms to 190 ms: the fifteenth of thirty waits, from below, is at least that of n = 15.
	if r.Latency.P50 < 40*time.Millisecond || r.Latency.Max < 190*time.Millisecond {
		t.Errorf("got p50 %v and max %v, want at least 40ms and 190ms", r.Latency.P50, r.Latency.Max)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	dial := serve(t, func(ctx context.Context, ws *websocket.Conn) {
		for {
			kind, text, err := ws.Read(ctx)
			if err != nil {
				return
			}
			failed := strings.Replace(string(text), `"type":"x"`, `"type":"error","code":"invalid","message":"no"`, 1)
			for _, answer := range []string{
				`hello`, `{"type":"x"}`, `{"type":"x","id":"a"}`, `{"type":"x","id":1000}`, failed, string(text), // the last comes twice
			} {
				if ws.Write(ctx, kind, []byte(answer)) != nil {
					return
				}
			}
			if ws.Write(ctx, websocket.MessageBinary, text) != nil {
				return
			}
		}
	})
	r := load.New(small(dial, events(t))).Do(t.Context())
	if r.Sent != 40 || r.Errors != 40 || r.Answered != 0 || r.Lost != 0 || r.Latency != nil {
		t.Errorf("got %+v, want 40 sent and as many errors", r)
	}
	if r.Others < 4*39 { // the last ones may come too late
		t.Errorf("got %d other messages, want four for each that was sent", r.Others)
	}
	if r.Failure == nil || r.Failure.Error() != "invalid: no" {
		t.Errorf("got failure %v, want invalid: no", r.Failure)
	}
}

func TestLostMessages(t *testing.T) {
	t.Parallel()
	dial := serve(t, func(ctx context.Context, ws *websocket.Conn) {
		for {
			if _, _, err := ws.Read(ctx); err != nil {
				return
			}
		}
	})
	config := small(dial, &load.Raw{Text: []byte("hello")})
	config.Patience = time.Second
	if r := load.New(config).Do(t.Context()); r.Sent != 40 || r.Lost != 40 || r.Latency != nil || r.Rate() != 0 {
		t.Errorf("got %+v, want 40 sent and lost", r)
	}
}

// slowCloser is a connection on which the write of a close frame takes until its peer's answers to that have been read.
type slowCloser struct {
	net.Conn
	left int // bytes to be read until then
	read chan struct{}
}

func (c *slowCloser) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if p[0] == 0x88 {
		<-c.read
	}
	return n, err
}

func (c *slowCloser) Read(p []byte) (int, error) {
	if c.left == 0 {
		close(c.read) // what came has been dealt with, the reader wants more
		c.left = -1
	}
	n, err := c.Conn.Read(p)
	if n > 0 && c.left > 0 && p[0] != 'H' { // not the handshake
		c.left -= n
	}
	return n, err
}

// A server may answer when it hears that the client leaves, as one does whose handlers wait: that is too late.
func TestAnswersToTheClose(t *testing.T) {
	t.Parallel()
	answers := strings.Repeat("\x81\x05hello", 10)
	read := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		hash := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(hash[:]))
		var head [6]byte
		for head[0] != 0x88 {
			if _, err := io.ReadFull(in, head[:]); err != nil {
				t.Error(err)
				return
			}
			_, _ = in.Discard(int(head[1] & 0x7f))
		}
		_, _ = io.WriteString(conn, answers)
		<-read
		_, _ = io.WriteString(conn, "\x88\x02\x03\xe8")
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &slowCloser{Conn: conn, left: len(answers), read: read}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	config := small(func(ctx context.Context) (*websocket.Conn, error) {
		ws, _, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
		return ws, err
	}, &load.Raw{Text: []byte("hello")})
	config.Connections, config.Patience = 1, time.Second
	if r := load.New(config).Do(t.Context()); r.Sent != 10 || r.Lost != 10 || r.Others != 0 || r.Broken != 0 {
		t.Errorf("got %+v, want 10 sent and lost", r)
	}
}

func TestLostConnections(t *testing.T) {
	dial := serve(t, func(ctx context.Context, ws *websocket.Conn) {
		if kind, text, err := ws.Read(ctx); err == nil && ws.Write(ctx, kind, text) == nil {
			_ = ws.Close(4000, "enough")
		}
	})
	r := load.New(small(dial, events(t))).Do(t.Context())
	if r.Opened != 4 || r.Broken != 4 || r.Breakage == nil || !strings.Contains(r.Breakage.Error(), "enough") {
		t.Errorf("got %+v, want 4 lost connections and why", r)
	}
	if r.Answered != 4 || r.Sent+r.NotSent != 40 || r.NotSent == 0 {
		t.Errorf("got %+v, want 4 answers, and what was not sent", r)
	}
}

func TestConnectionsThatFail(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	dial := serve(t, echo)
	config := small(func(ctx context.Context) (*websocket.Conn, error) {
		switch tries.Add(1) {
		case 1:
			return nil, errors.New("refused")
		case 2:
			<-ctx.Done() // a handshake that does not end
			return nil, ctx.Err()
		}
		return dial(ctx)
	}, events(t))
	config.Patience = 2 * time.Second
	r := load.New(config).Do(t.Context())
	if r.Opened != 2 || r.Failed != 2 || r.Refusal == nil || r.Sent != 20 || r.Answered != 20 || r.NotSent != 0 {
		t.Errorf("got %+v, want 2 connections opened, 2 failed, and 20 messages answered", r)
	}
	config.Dial = func(context.Context) (*websocket.Conn, error) { return nil, errors.New("refused") }
	if r := load.New(config).Do(t.Context()); r.Opened != 0 || r.Failed != 4 || r.Sent != 0 || r.NotSent != 0 {
		t.Errorf("got %+v, want 4 connections failed", r)
	}
}

// Whoever interrupts a run gets what was measured until then, and soon.
func TestInterrupt(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	dial := serve(t, func(ctx context.Context, ws *websocket.Conn) {
		for range 3 {
			kind, text, err := ws.Read(ctx)
			if err != nil || ws.Write(ctx, kind, text) != nil {
				return
			}
		}
		interrupt()
		echo(ctx, ws)
	})
	config := small(dial, events(t))
	config.Duration = time.Hour
	r := load.New(config).Do(ctx)
	if r.Answered < 3 || r.Elapsed > time.Minute || r.Broken != 0 || r.Sent-r.Answered > 4 {
		t.Errorf("got %+v, want a few answers", r)
	}
	if r := load.New(config).Do(ctx); r.Sent != 0 || r.Opened != 0 || r.Failed != 0 {
		t.Errorf("got %+v of a run that was over before", r)
	}
}

// Servers that do not answer a close frame do not hold the result up for the client library's five seconds.
func TestServersThatDoNotClose(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	dial := serve(t, func(ctx context.Context, ws *websocket.Conn) {
		for range 10 {
			kind, text, err := ws.Read(ctx)
			if err != nil || ws.Write(ctx, kind, text) != nil {
				return
			}
		}
		<-done // the close frame is not read
	})
	begin := time.Now()
	r := load.New(small(dial, events(t))).Do(t.Context())
	close(done)
	if r.Answered != 40 || r.Broken != 0 {
		t.Errorf("got %+v, want 40 answers", r)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}
