package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// greeting is what the echo server's clients hear first.
var greeting = []string{"hello", `text:"two\n\"lines\""`, "binary:AP8="}

func TestListen(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	code, stdout, stderr := execute(t, "", "listen", server.url("/echo"), "--count", "5", "--send", "{}", "--send", "a, b")
	if want := strings.Join(append(slices.Clone(greeting), "{}", "a, b\n"), "\n"); code != exitOK || stdout != want {
		t.Errorf("got code %d, stdout %q, want %q", code, stdout, want)
	}
	if want := "wsgate listen: connected to " + server.url("/echo") + "\n"; stderr != want {
		t.Errorf("got stderr %q, want %q", stderr, want)
	}
	if err := <-server.ended; err != nil {
		t.Errorf("the server saw %v, want a normal close", err)
	}
}

func TestListenWithTimestamps(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	code, stdout, _ := execute(t, "", "listen", server.url("/echo"), "--count", "2", "--timestamps", "--no-reconnect")
	stamp, text, _ := strings.Cut(stdout, " ")
	when, err := time.Parse(time.RFC3339Nano, stamp)
	if ago := time.Since(when); code != exitOK || err != nil || ago < 0 || ago > time.Minute || !strings.HasPrefix(text, "hello\n") {
		t.Errorf("got code %d, stdout %q, %v", code, stdout, err)
	}
}

func TestListenThatFails(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	closing := odd(t, func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(4003, "full") })
	failures(t, []failureTest{
		{"", []string{"listen"}, exitUsage, "URL is missing"},
		{"", []string{"listen", "ws://a", "ws://b"}, exitUsage, `unexpected argument "ws://b"`},
		{"", []string{"listen", "localhost"}, exitUsage, "no scheme"},
		{"", []string{"listen", "ws://localhost", "--count", "-1"}, exitUsage, "--count -1: must be"},
		{"", []string{"listen", "ws://localhost", "--ping", "-1s"}, exitUsage, "--ping -1s: must be"},
		{"", []string{"listen", "ws://localhost", "--header", "a"}, exitUsage, "'Name: value'"},
		{"", []string{"listen", server.url("/nowhere"), "--no-reconnect"}, exitConnection, "404 Not Found"},
	})
	code, stdout, stderr := execute(t, "", "listen", closing, "--no-reconnect")
	if code != exitConnection || stdout != "" || !strings.HasSuffix(stderr, "wsgate listen: the server closed the connection with code 4003: full\n") {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	var errs bytes.Buffer
	code = run(deadline(t), []string{"listen", server.url("/echo")}, nil, broken{}, &errs)
	if code != exitOutput || !strings.HasSuffix(errs.String(), "wsgate listen: writing the output: disk full\n") {
		t.Errorf("got code %d, stderr %q", code, errs.String())
	}
}

func TestListenShowsSubprotocolAndNoPassword(t *testing.T) {
	url := odd(t, func(ctx context.Context, ws *websocket.Conn) { _ = ws.Write(ctx, websocket.MessageText, nil) })
	code, stdout, stderr := execute(t, "", "listen", strings.Replace(url, "//", "//ann:secret@", 1), "--count", "1")
	if code != exitOK || stdout != "\n" || strings.Contains(stderr, "secret") {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	server := start(t, "127.0.0.1:0")
	code, _, stderr = execute(t, "", "listen", server.url("/sub"), "--subprotocol", "v1", "--count", "1", "--send", `{"type":"whoami","id":1}`)
	if code != exitOK || !strings.Contains(stderr, "/sub, subprotocol v1\n") {
		t.Errorf("got code %d, stderr %q", code, stderr)
	}
}

// listening is a listen command that runs until it is interrupted.
type listening struct {
	lines     *bufio.Scanner // of stdout
	stderr    bytes.Buffer   // until it has ended
	waits     chan time.Duration
	resume    chan struct{} // ends a wait
	interrupt context.CancelFunc
	code      chan int
}

func listen(t *testing.T, args ...string) *listening {
	t.Helper()
	ctx, interrupt := context.WithCancel(deadline(t))
	out, stdout := io.Pipe()
	l := &listening{
		lines: bufio.NewScanner(out),
		waits: make(chan time.Duration), resume: make(chan struct{}), interrupt: interrupt, code: make(chan int, 1),
	}
	program := &tool{stdout: stdout, stderr: &l.stderr, sleep: func(ctx context.Context, d time.Duration) error {
		select {
		case l.waits <- d:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-l.resume:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	go func() {
		l.code <- program.run(ctx, append([]string{"listen"}, args...))
		stdout.Close()
	}()
	return l
}

// hear fails unless those are the next lines.
func (l *listening) hear(t *testing.T, want ...string) {
	t.Helper()
	for _, line := range want {
		if !l.lines.Scan() || l.lines.Text() != line {
			t.Fatalf("heard %q, want %q", l.lines.Text(), line)
		}
	}
}

func TestListenReconnects(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	l := listen(t, server.url("/echo"), "--send", "again")
	l.hear(t, append(slices.Clone(greeting), "again")...)
	server.stop()
	first := <-l.waits
	l.resume <- struct{}{} // and there is no server
	second := <-l.waits
	if first < time.Second || first > 2*time.Second || second < 2*time.Second || second > 4*time.Second {
		t.Errorf("waited %v and %v, want 1 to 2 s and 2 to 4 s", first, second)
	}
	server = start(t, server.addr)
	l.resume <- struct{}{}
	l.hear(t, append(slices.Clone(greeting), "again")...)
	l.interrupt()
	if code := <-l.code; code != exitOK {
		t.Errorf("got code %d, want 0", code)
	}
	if err := <-server.ended; err != nil {
		t.Errorf("the server saw %v, want a normal close", err)
	}
	for i, want := range []string{
		`connected to ws://127\.0\.0\.1:\d+/echo`,
		`the server closed the connection with code 1012: server shutting down; connecting again in [\d.]+s`,
		`connecting to ws://127\.0\.0\.1:\d+/echo: dial tcp .*; connecting again in [\d.]+s`,
		`connected to ws://127\.0\.0\.1:\d+/echo`,
	} {
		line, err := l.stderr.ReadString('\n')
		if err != nil || !regexp.MustCompile("^wsgate listen: "+want+"\n$").MatchString(line) {
			t.Errorf("line %d on stderr: got %q, want %s", i+1, line, want)
		}
	}
	if l.stderr.Len() > 0 {
		t.Errorf("got also %q on stderr", l.stderr.String())
	}
}

// Some close codes ask the client to stay away.
func TestListenStaysAway(t *testing.T) {
	for _, tt := range []struct {
		code  websocket.StatusCode
		again bool
	}{
		{1000, false},
		{1001, true},
		{1002, false},
		{1003, false},
		{1005, true},
		{1007, false},
		{1008, false},
		{1009, false},
		{1011, true},
		{1012, true},
		{1013, true},
		{3000, true},
		{4000, false},
		{wsgate.StatusReplaced, false},
		{4999, false},
	} {
		l := listen(t, odd(t, func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(tt.code, "") }))
		select {
		case <-l.waits:
			if !tt.again {
				t.Errorf("it comes back after %d", tt.code)
			}
			l.interrupt()
			<-l.code
		case code := <-l.code:
			if tt.again || code != exitConnection {
				t.Errorf("it stays away after %d, with code %d", tt.code, code)
			}
		}
	}
}

func TestListenInterruptedWhileItWaits(t *testing.T) {
	l := listen(t, odd(t, func(context.Context, *websocket.Conn) {}))
	<-l.waits
	l.interrupt()
	if code := <-l.code; code != exitOK {
		t.Errorf("got code %d, want 0", code)
	}
}

// A server that does not answer the close frame does not keep the program.
func TestListenInterruptedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	l := listen(t, odd(t, func(ctx context.Context, ws *websocket.Conn) {
		if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Error(err)
		}
		<-done
	}))
	defer close(done)
	l.hear(t, "hello")
	l.interrupt()
	if code := <-l.code; code != exitOK {
		t.Errorf("got code %d, want 0", code)
	}
}

// A connection that broke without a word is missed.
func TestListenPings(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	url := odd(t, func(context.Context, *websocket.Conn) { <-done }) // does not read, so that it does not answer pings
	code, _, stderr := execute(t, "", "listen", url, "--ping", "50ms", "--no-reconnect")
	if code != exitConnection || !strings.HasSuffix(stderr, "wsgate listen: the connection broke: the server did not answer a ping\n") {
		t.Errorf("got code %d, stderr %q", code, stderr)
	}
}

// As long as pings are answered the connection stays.
func TestListenToQuietServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pings, enough := 0, make(chan struct{})
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
			if pings++; pings == 3 {
				close(enough)
			}
			return true
		}})
		if err != nil {
			t.Error(err)
			return
		}
		reading := ws.CloseRead(r.Context())
		<-enough
		if err := ws.Write(reading, websocket.MessageText, []byte("enough")); err != nil {
			t.Error(err)
		}
		<-reading.Done()
	}))
	defer server.Close()
	code, stdout, stderr := execute(t, "", "listen", server.URL, "--ping", "500ms", "--count", "1", "--no-reconnect")
	if code != exitOK || stdout != "enough\n" {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestSleep(t *testing.T) {
	if err := sleep(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
