package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/coder/websocket"
)

// execute runs the program and returns what it wrote.
func execute(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(deadline(t), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestCall(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	ws, nested := server.url("/ws"), server.url("/nested")
	keys := []string{"--type-key", "event", "--id-key", "seq", "--data-key", "data"}
	for _, tt := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{ws, "negate", "5"}, "-5"},
		{"", []string{ws, "negate", "--", "-5"}, "5"},
		{" 7\n", []string{ws, "negate", "-"}, "-7"},
		{"", []string{ws, "reverse", "[1, 2.5]"}, `["",""]`},
		{"", []string{ws, "note", `"hello"`}, "null"},
		{"", []string{ws, "chatty"}, `"at last"`},
		{"", []string{ws, "same", "\"\u009b2J\""}, `"\u009b2J"`},
		{"", []string{ws, "chatty", "{}", "--timeout", "1m"}, `"at last"`},
		{"", []string{"http" + strings.TrimPrefix(ws, "ws"), "negate", "1"}, "-1"},
		{"", []string{ws, "paint", `{"id":7,"title":"x"}`}, `{"id":7,"title":"x"}`},
		{"", []string{ws, "paint", `{"id":null,"title":"x"}`}, `{"id":0,"title":"x"}`},
		{"", []string{ws, "paint", `{"title":"x"}`, "--data-key", "data"}, `{"id":0,"title":"x"}`},
		{"", append([]string{nested, "paint", `{"title":"x"}`}, keys...), `{"id":0,"title":"x"}`},
		{"", append([]string{nested, "negate", "5"}, keys...), "-5"},
		{"", append([]string{nested, "note", `"hello"`}, keys...), "null"},
		{
			"", append([]string{nested, "whoami", "-H", "X-Token:a: b "}, keys...),
			`{"token":"a: b","origin":"","host":"` + server.addr + `","protocol":""}`,
		},
		{
			"",
			[]string{ws, "whoami", "--header", "x-token: t", "--header", "Host: other.example"},
			`{"token":"t","origin":"","host":"other.example","protocol":""}`,
		},
		{
			"",
			[]string{ws, "whoami", "{}", "--origin", "https://friend.example"},
			`{"token":"","origin":"https://friend.example","host":"` + server.addr + `","protocol":""}`,
		},
		{
			"",
			[]string{server.url("/sub"), "whoami", "--subprotocol", "v1", "--subprotocol", "v0"},
			`{"token":"","origin":"","host":"` + server.addr + `","protocol":"v1"}`,
		},
	} {
		code, stdout, stderr := execute(t, tt.stdin, append([]string{"call"}, tt.args...)...)
		if code != exitOK || stdout != tt.want+"\n" || stderr != "" {
			t.Errorf("call %q: got code %d, stdout %q, stderr %q, want %s", tt.args, code, stdout, stderr, tt.want)
		}
	}
}

// failures checks that commands print nothing but one line on stderr.
func failures(t *testing.T, tests []failureTest) {
	t.Helper()
	for _, tt := range tests {
		code, stdout, stderr := execute(t, tt.stdin, tt.args...)
		if code != tt.code || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q: got code %d, stdout %q, stderr %q, want code %d and %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}

type failureTest struct {
	stdin string
	args  []string
	code  int
	want  string
}

func TestCallThatFails(t *testing.T) {
	t.Parallel()
	server := start(t, "127.0.0.1:0")
	ws := server.url("/ws")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	failures(t, []failureTest{
		{"", []string{"call", ws, "fail"}, exitAnswer, "conflict: so not (details: {\"n\":1})\n"},
		{"", []string{"call", ws, "crash"}, exitAnswer, "internal: internal error\n"},
		{"", []string{"call", ws, "nothing"}, exitAnswer, "unknown_event: "},
		{"", []string{"call", ws, "negate", `"five"`}, exitAnswer, "invalid: "},
		{"", []string{"call", ws, "negate", strings.Repeat("[", 70) + strings.Repeat("]", 70)}, exitAnswer, "malformed: "}, // an error without an id

		{"", []string{"call", ws, "paint", `{"title":"x"}`}, exitAnswer, `invalid: the payload of paint stands under "data", not beside "type"`},

		{"", []string{"call", server.url("/nowhere"), "x"}, exitConnection, "refused the handshake: 404 Not Found: no gateway at \"/nowhere\""},
		{"", []string{"call", ws, "x", "-H", "X-Token: bad"}, exitConnection, "refused the handshake: 403 Forbidden: that token is bad\n"},
		{"", []string{"call", ws, "x", "--origin", "https://evil.example"}, exitConnection, "refused the handshake: 403 Forbidden: "},
		{"", []string{"call", server.url("/sub"), "x", "--subprotocol", "v3"}, exitConnection, "refused the handshake: 400 Bad Request"},
		{"", []string{"call", "ws://" + closed.Addr().String(), "x"}, exitConnection, "connecting to ws://" + closed.Addr().String() + ": dial tcp "},
		{"", []string{"call", ws, "leave"}, exitConnection, "wsgate call: the server closed the connection with code 4001: go away\n"},

		{"", []string{"call", ws, "silent", "--timeout", "1s"}, exitTimeout, `no answer to "silent" within 1s (another message came: {"type":"note","data":"wait"}); --timeout gives`},

		{"", []string{"call"}, exitUsage, "URL is missing; see wsgate call --help"},
		{"", []string{"call", ws}, exitUsage, "EVENT is missing"},
		{"", []string{"call", ws, "x", "1", "2"}, exitUsage, `unexpected argument "2"`},
		{"", []string{"call", ws, "x", "hello"}, exitUsage, "not JSON"},
		{"", []string{"call", ws, "x", ""}, exitUsage, "not JSON"},
		{"", []string{"call", ws, "x", "-"}, exitUsage, "not JSON"},
		{"hello\nyou", []string{"call", ws, "x", "-"}, exitUsage, "not JSON"},
		{"", []string{"call", ws, "x", "-5"}, exitUsage, "after -- nothing is a flag"},
		{"", []string{"call", ws, "x", "--nonsense"}, exitUsage, "unknown flag: --nonsense; see"},
		{"", []string{"call", ws, "x", "--timeout", "soon"}, exitUsage, "soon"},
		{"", []string{"call", ws, "x", "--timeout", "-1s"}, exitUsage, "--timeout -1s: must be more than 0"},
		{"", []string{"call", ws, "x", "--type-key", "id"}, exitUsage, `"id" is used twice`},
		{"", []string{"call", ws, "whoami", "--type-key", "event"}, exitUsage, "the server uses other keys"},
	})
}

func TestURLs(t *testing.T) {
	var tests []failureTest
	for url, want := range map[string]string{
		"localhost:3100/ws":    "write it as ws://host:port/path",
		"":                     "write it as ws://host:port/path",
		"ftp://localhost/ws":   `scheme "ftp": use ws or wss`,
		"ws:///ws":             "no host",
		"ws://:80/ws":          "no host",
		"ws://localhost/ws#a":  `fragment "#a"`,
		"ws://u:pw@local%zz/x": `the URL is wrong: invalid URL escape "%zz"; see`,
	} {
		tests = append(tests, failureTest{"", []string{"call", url, "x"}, exitUsage, want})
	}
	failures(t, tests)
}

func TestHeaders(t *testing.T) {
	var tests []failureTest
	for _, tt := range []struct{ flag, value, want string }{
		{"--header", "X-Token", "write it as 'Name: value'"},
		{"--header", ": value", "write it as 'Name: value'"},
		{"--header", "X Token: value", "write it as 'Name: value'"},
		{"--header", "X-Token: a\r\nX-Other: b", "--header X-Token: the value has a line break"},
		{"--header", "sec-websocket-protocol: v1", "use --subprotocol"},
		{"--header", "Sec-WebSocket-Key: x", "belongs to the handshake"},
		{"--header", "upgrade: x", "belongs to the handshake"},
		{"--header", "Content-Length: 5", "belongs to the handshake"},
		{"--header", "transfer-encoding: chunked", "belongs to the handshake"},
		{"--header", "Trailer: x", "belongs to the handshake"},
		{"--header", "Host:", "--header Host: the value is empty"},
		{"--subprotocol", "v 1", `--subprotocol "v 1"`},
		{"--subprotocol", "", `--subprotocol ""`},
		{"--origin", "http://a\nb", "line break"},
	} {
		tests = append(tests, failureTest{"", []string{"call", "ws://localhost/", "x", tt.flag, tt.value}, exitUsage, tt.want})
	}
	failures(t, tests)
}

func TestOddServers(t *testing.T) {
	breaks := odd(t, func(ctx context.Context, ws *websocket.Conn) { _, _, _ = ws.Read(ctx) })
	noCode := odd(t, func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(websocket.StatusNoStatusRcvd, "") })
	noReason := odd(t, func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(4002, "") })
	mute, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	loop := httptest.NewServer(http.RedirectHandler("/", http.StatusFound))
	defer loop.Close()
	wordy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("ä", 1000), http.StatusTeapot)
	}))
	defer wordy.Close()
	quiet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer quiet.Close()
	failures(t, []failureTest{
		{"", []string{"call", breaks, "x"}, exitConnection, "wsgate call: the connection broke: "},
		{"", []string{"call", noCode, "x"}, exitConnection, "closed the connection without a code\n"},
		{"", []string{"call", noReason, "x"}, exitConnection, "closed the connection with code 4002\n"},
		{"", []string{"call", "ws://" + mute.Addr().String(), "x", "--timeout", "100ms"}, exitTimeout, "no connection within 100ms"},
		{"", []string{"call", loop.URL, "x"}, exitConnection, "stopped after 10 redirects"},
		{"", []string{"call", wordy.URL, "x"}, exitConnection, "418 I'm a teapot: " + strings.Repeat("ä", 200) + "…\n"},
		{"", []string{"call", quiet.URL, "x"}, exitConnection, "418 I'm a teapot\n"},
	})
}

// The answer is printed although the server, which does not close properly, keeps the program a little longer.
func TestServerThatDoesNotClose(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	url := odd(t, func(ctx context.Context, ws *websocket.Conn) {
		if kind, text, err := ws.Read(ctx); err != nil || ws.Write(ctx, kind, text) != nil {
			t.Error("no request")
		}
		<-done
	})
	code, stdout, stderr := execute(t, "", "call", url, "x", `{"a":1}`)
	close(done)
	if code != exitOK || stdout != "{\"a\":1}\n" || stderr != "" {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestCallWithoutOutput(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	var stderr bytes.Buffer
	code := run(deadline(t), []string{"call", server.url("/ws"), "note", `""`}, nil, broken{}, &stderr)
	if code != exitOutput || stderr.String() != "wsgate call: writing the output: disk full\n" {
		t.Errorf("got code %d, stderr %q", code, stderr.String())
	}
}

func TestCallWithoutInput(t *testing.T) {
	var stdout, stderr bytes.Buffer
	stdin := iotest.ErrReader(net.ErrClosed)
	code := run(deadline(t), []string{"call", "ws://localhost/", "x", "-"}, stdin, &stdout, &stderr)
	if code != exitUsage || !strings.Contains(stderr.String(), "reading the payload from stdin") {
		t.Errorf("got code %d, stderr %q", code, stderr.String())
	}
}

func TestCallInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(deadline(t))
	url := odd(t, func(ctx context.Context, ws *websocket.Conn) {
		_, _, _ = ws.Read(ctx)
		interrupt()
		_, _, _ = ws.Read(ctx)
	})
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"call", url, "x"}, nil, &stdout, &stderr)
	if code != exitInterrupted || stdout.Len() > 0 || stderr.String() != "wsgate call: interrupted\n" {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}
