package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
)

// talker answers one call, and sends one event.
type talker struct{ table wsgate.Events[struct{}] }

func (g *talker) Events() wsgate.Events[struct{}] { return g.table }

const spoken wsgate.Event[string] = "spoken"

// contractOf returns the contract of a route that has the call "count", or has not.
func contractOf(t *testing.T, counts bool) *contract.Document {
	t.Helper()
	g := &talker{}
	if counts {
		const count wsgate.Call[int64, string] = "count"
		g.table = wsgate.Events[struct{}]{wsgate.Answer(count, func(context.Context, *wsgate.Conn[struct{}], int64) (string, error) { return "", nil })}
	}
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/ws", New: func() *talker { return g }, Sends: []wsgate.Outgoing{spoken}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := contract.New(app)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// contractFiles writes contracts to files, and returns their names.
func contractFiles(t *testing.T) (with, without string) {
	t.Helper()
	dir := t.TempDir()
	with, without = filepath.Join(dir, "with.json"), filepath.Join(dir, "without.json")
	for name, d := range map[string]*contract.Document{with: contractOf(t, true), without: contractOf(t, false)} {
		if err := os.WriteFile(name, d.JSON(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return with, without
}

// contractServer serves a contract to those who know the token.
func contractServer(t *testing.T) string {
	t.Helper()
	text := contractOf(t, true).JSON()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/slow":
			<-r.Context().Done()
		case r.URL.Path == "/page":
			w.Write([]byte("<html>"))
		case r.Header.Get("X-Token") != "t" || r.Host != "example.com":
			http.Error(w, "who are\nyou?", http.StatusUnauthorized)
		default:
			w.Write(text)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestContract(t *testing.T) {
	with, without := contractFiles(t)
	url := contractServer(t)
	text := string(contractOf(t, true).JSON())
	credentials := []string{"-H", "X-Token: t", "-H", "Host: example.com"}
	for _, tt := range []struct {
		stdin string
		args  []string
		code  int
		want  string // of stdout
	}{
		{"", []string{"contract", with}, exitOK, text},
		{text, []string{"contract", "-"}, exitOK, text},
		{strings.Replace(text, "WebSocket API", "\u009b2J", 1), []string{"contract", "-"}, exitOK, strings.Replace(text, "WebSocket API", "\\u009b2J", 1)},
		{"", append([]string{"contract", url + "/asyncapi.json"}, credentials...), exitOK, text},
		{"", append([]string{"contract", "ws" + strings.TrimPrefix(url, "http")}, credentials...), exitOK, text},
		{"", []string{"contract", "diff", with, with}, exitOK, ""},
		{"", []string{"contract", "diff", without, with}, exitOK, "harmless  /ws: call \"count\": clients can send it now\n"},
		{text, []string{"contract", "diff", "-", without}, exitBreaking, "breaks    /ws: call \"count\": clients cannot send it any more\n"},
	} {
		code, stdout, stderr := execute(t, tt.stdin, tt.args...)
		if code != tt.code || stdout != tt.want || (stderr == "") != (code == exitOK) {
			t.Errorf("%q: got code %d, stdout %q, stderr %q", tt.args, code, stdout, stderr)
		}
	}
}

func TestContractThatFails(t *testing.T) {
	with, without := contractFiles(t)
	url := contractServer(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	failures(t, []failureTest{
		{"", []string{"contract"}, exitUsage, "URL|FILE is missing"},
		{"", []string{"contract", filepath.Join(t.TempDir(), "none.json")}, exitUsage, "reading the contract: open "},
		{"{}", []string{"contract", "-"}, exitUsage, "-: contract: not a document of wsgate"},
		{"", []string{"contract", "ftp://example.com"}, exitUsage, `URL scheme "ftp"`},
		{"", []string{"contract", url, "--header", "x"}, exitUsage, "--header"},
		{"", []string{"contract", with, "--timeout", "0s"}, exitUsage, "--timeout"},
		{"", []string{"contract", url + "/asyncapi.json"}, exitAnswer, "401 Unauthorized: who are you?"},
		{"", []string{"contract", url + "/page"}, exitAnswer, "/page: contract: not a document: "},
		{"", []string{"contract", closed.URL}, exitConnection, "connecting to " + closed.URL},
		{"", []string{"contract", url + "/slow", "--timeout", "50ms"}, exitTimeout, "no answer within 50ms"},
		{"", []string{"contract", "diff", with}, exitUsage, "NEW is missing"},
		{"", []string{"contract", "diff", "-", "-"}, exitUsage, "both are -"},
		{"", []string{"contract", "diff", with, without + "x"}, exitUsage, "reading the contract"},
		{"", []string{"gen"}, exitUsage, "a language is missing: ts"},
		{"", []string{"gen", "rust"}, exitUsage, `unknown language "rust": ts`},
		{"", []string{"gen", "ts"}, exitUsage, "URL|FILE is missing"},
		{"", []string{"gen", "ts", without, "-o", filepath.Join(t.TempDir(), "no", "x.ts")}, exitOutput, "writing the output: "},
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	if code := run(ctx, []string{"contract", url + "/slow"}, nil, nil, &stderr); code != exitInterrupted {
		t.Errorf("got code %d and %q, want %d", code, stderr.String(), exitInterrupted)
	}
	stderr.Reset()
	if code := run(deadline(t), []string{"contract", "diff", with, without}, nil, broken{}, &stderr); code != exitOutput {
		t.Errorf("got code %d for a stdout that is full, want %d", code, exitOutput)
	}
}

func TestGenTS(t *testing.T) {
	with, without := contractFiles(t)
	module, _ := contractOf(t, true).TypeScript()
	const rounded = "wsgate gen ts: JavaScript rounds integers of 64 bits beyond 2^53; the tag `json:\",string\"` makes one a string: the payload of count\n"
	if code, stdout, stderr := execute(t, "", "gen", "ts", with); code != exitOK || stdout != string(module) || stderr != rounded {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	file := filepath.Join(t.TempDir(), "chat.ts")
	if code, stdout, stderr := execute(t, "", "gen", "ts", without, "-o", file); code != exitOK || stdout != "" || stderr != "" {
		t.Errorf("got code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "export interface Ws {\n") {
		t.Errorf("got %q, %v", text, err)
	}
}
