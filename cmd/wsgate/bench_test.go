package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/cmd/internal/load"
)

// quick are flags for a run of 20 messages.
var quick = []string{"--connections", "2", "--connect-rate", "1000", "--rate", "50", "--duration", "200ms", "--timeout", "30s"}

func bench(t *testing.T, url string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return execute(t, "", append(append([]string{"bench", url}, quick...), args...)...)
}

func TestBench(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	for _, tt := range []struct {
		path  string
		args  []string
		other string // messages that answer nothing
	}{
		{"/ws", []string{"--event", "negate", "--payload", "5"}, "0"},
		{"/ws", []string{"-e", "whoami"}, "0"},
		{"/nested", []string{"-e", "note", "-p", `"x"`, "--type-key", "event", "--id-key", "seq", "--data-key", "data"}, "0"},
		{"/echo", []string{"--raw", "hello"}, "6"}, // the greeting
	} {
		code, stdout, stderr := bench(t, server.url(tt.path), tt.args...)
		want := regexp.MustCompile(`^connections +opened +failed +lost
 +2 +0 +0
messages +sent +answered +errors +lost +not sent +other
 +20 +20 +0 +0 +0 +` + tt.other + `
latency +p50 +p90 +p99 +p99.9 +max
( +[\d.]+[mµn]?s){5}
send delay +p50 +p90 +p99 +p99.9 +max
( +[\d.]+[mµn]?s){5}
answers/s +[\d.]+
$`)
		if code != exitOK || stderr != "" || !want.MatchString(stdout) {
			t.Errorf("%q: got code %d, stderr %q, stdout:\n%s\nwant %v", tt.args, code, stderr, stdout, want)
		}
	}
}

func TestBenchJSON(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	code, stdout, stderr := bench(t, server.url("/ws"), "--event", "negate", "--payload", "7", "--json")
	var report jsonReport
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil || code != exitOK || stderr != "" {
		t.Fatalf("got code %d, %v, stderr %q, stdout %s", code, err, stderr, stdout)
	}
	if report.Connections.Opened != 2 || report.Messages.Sent != 20 || report.Messages.Answered != 20 || report.Messages.Lost != 0 {
		t.Errorf("got %+v, want 20 messages on 2 connections", report)
	}
	if q := report.Latency; q == nil || q.P50 <= 0 || q.P50 > q.Max || q.Max > 30_000 || report.SendDelay == nil {
		t.Errorf("got latency %+v", q)
	}
	if report.Seconds < 0.2 || report.Rate <= 0 || report.Rate > 100 {
		t.Errorf("got %v answers/s in %v s", report.Rate, report.Seconds)
	}

	_, stdout, _ = bench(t, server.url("/ws"), "--event", "silent", "--timeout", "500ms", "--json")
	for _, want := range []string{`"lost": 20`, `"latency_ms": null`, `"answers_per_second": 0`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %s in %s", want, stdout)
		}
	}
}

// Errors and losses belong to the result; what they were is on stderr.
func TestBenchOfFailingServers(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	for _, tt := range []struct{ event, stdout, stderr string }{
		{"fail", `\n +20 +0 +20 +0 +0 +0\nlatency`, "wsgate bench: messages answered with an error: 20, the first: conflict: so not (details: {\"n\":1})\n"},
		{"leave", `\n +2 +0 +2\nmessages`, "wsgate bench: connections lost: 2, the first: the server closed the connection with code 4001: go away\n"},
	} {
		code, stdout, stderr := bench(t, server.url("/ws"), "--event", tt.event)
		if code != exitOK || !regexp.MustCompile(tt.stdout).MatchString(stdout) || stderr != tt.stderr {
			t.Errorf("%s: got code %d, stderr %q, stdout:\n%s\nwant %q and %s", tt.event, code, stderr, stdout, tt.stderr, tt.stdout)
		}
	}
	if _, stdout, _ := bench(t, server.url("/ws"), "--event", "fail"); !strings.Contains(stdout, "-  ") {
		t.Errorf("without answers there is no latency, got:\n%s", stdout)
	}
}

func TestBenchThatFails(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	ws := server.url("/ws")
	failures(t, []failureTest{
		{"", []string{"bench"}, exitUsage, "URL is missing"},
		{"", []string{"bench", "localhost", "-e", "x"}, exitUsage, "no scheme"},
		{"", []string{"bench", ws}, exitUsage, "nothing to send: add --event NAME"},
		{"", []string{"bench", ws, "-e", "x", "--raw", "y"}, exitUsage, "--raw sends no event"},
		{"", []string{"bench", ws, "-p", "1", "--raw", ""}, exitUsage, "--raw sends no event"},
		{"", []string{"bench", ws, "-e", "x", "-p", "hello"}, exitUsage, "not JSON"},
		{"", []string{"bench", ws, "-e", "x", "-p", ""}, exitUsage, "not JSON"},
		{"", []string{"bench", ws, "-e", "x", "--id-key", "type"}, exitUsage, "used twice"},
		{"", []string{"bench", ws, "-e", "x", "-c", "0"}, exitUsage, "--connections 0"},
		{"", []string{"bench", ws, "-e", "x", "-r", "0"}, exitUsage, "--rate 0"},
		{"", []string{"bench", ws, "-e", "x", "-r", "NaN"}, exitUsage, "--rate NaN"},
		{"", []string{"bench", ws, "-e", "x", "--connect-rate", "-1"}, exitUsage, "--connect-rate -1"},
		{"", []string{"bench", ws, "-e", "x", "-d", "0"}, exitUsage, "--duration 0s"},
		{"", []string{"bench", ws, "-e", "x", "-d", "0", "--timeout", "0"}, exitUsage, "--timeout 0s"},
		{"", []string{"bench", server.url("/nowhere"), "-e", "x", "-c", "2"}, exitConnection, "no connection could be opened: the server refused the handshake: 404"},
	})
	var stderr bytes.Buffer
	code := run(deadline(t), append([]string{"bench", ws, "-e", "note", "-p", `"x"`}, quick...), nil, broken{}, &stderr)
	if code != exitOutput {
		t.Errorf("got code %d, stderr %q", code, stderr.String())
	}
}

func TestBenchInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(deadline(t))
	url := odd(t, func(ctx context.Context, ws *websocket.Conn) {
		for {
			kind, text, err := ws.Read(ctx)
			if err != nil || ws.Write(ctx, kind, text) != nil {
				return
			}
			interrupt()
		}
	})
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"bench", url, "--raw", "x", "-c", "1", "-d", "1h"}, nil, &stdout, &stderr)
	if code != exitInterrupted || !strings.HasSuffix(stderr.String(), "wsgate bench: interrupted\n") || !strings.Contains(stdout.String(), "answers/s") {
		t.Errorf("got code %d, stderr %q, stdout:\n%s", code, stderr.String(), stdout.String())
	}
}

func TestProgress(t *testing.T) {
	server := start(t, "127.0.0.1:0")
	var stdout, stderr bytes.Buffer
	program := &tool{stdout: &stdout, stderr: &stderr, progress: 10 * time.Millisecond}
	args := append([]string{"bench", server.url("/ws"), "--event", "note", "--payload", `"x"`}, quick...)
	if code := program.run(deadline(t), args); code != exitOK {
		t.Errorf("got code %d", code)
	}
	line := regexp.MustCompile(`^wsgate bench: (connecting: \d of 2 open, 0 failed|[\d.]+m?s of 200ms: \d+ sent, \d+ answered, 0 errors(, p50 .*s, p99 .*s)?|waiting for the last answers: .*)\n$`)
	lines := 0
	for text := range strings.Lines(stderr.String()) {
		if lines++; !line.MatchString(text) {
			t.Errorf("got %q", text)
		}
	}
	if lines == 0 {
		t.Error("got no progress")
	}

	stderr.Reset()
	program.terminal = true
	if code := program.run(deadline(t), args); code != exitOK {
		t.Errorf("got code %d", code)
	}
	shown := stderr.String()
	last := shown[strings.LastIndex(strings.TrimSuffix(shown, "\r"), "\r")+1:]
	if strings.Contains(shown, "\n") || !strings.Contains(shown, "sent") || strings.TrimSpace(last) != "" || !strings.HasSuffix(shown, "\r") {
		t.Errorf("got %q, want one line that changes and vanishes", shown)
	}
}

func TestProgressText(t *testing.T) {
	b := bencher{connections: 5, duration: 2 * time.Second, tool: &tool{progress: time.Second}}
	for _, tt := range []struct {
		snapshot load.Snapshot
		want     string
	}{
		{load.Snapshot{Opened: 3, Failed: 1}, "connecting: 3 of 5 open, 1 failed"},
		{load.Snapshot{Elapsed: 1010 * time.Millisecond, Sent: 4}, "1s of 2s: 4 sent, 0 answered, 0 errors"},
		{
			load.Snapshot{Elapsed: 3 * time.Second, Sent: 4, Answered: 2, Errors: 1, Latency: &load.Quantiles{P50: 1234567, P99: 98765432}},
			"waiting for the last answers: 4 sent, 2 answered, 1 errors, p50 1.23ms, p99 98.8ms",
		},
	} {
		if got := b.progress(tt.snapshot); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                        "0s",
		7:                        "7ns",
		655_360:                  "655µs",
		1_234_567:                "1.23ms",
		9_999_999:                "10ms",
		12_345_678:               "12.3ms",
		1_234 * time.Millisecond: "1.23s",
	} {
		if got := short(d).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
