package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	notify "github.com/wsgate/wsgate/examples/notify"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// serve starts the program and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	app, err := notify.NewApp()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- app.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return ln.Addr().String()
}

// request returns the status and the body of the answer.
func request(t *testing.T, method, url, body, origin string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// hears returns the text of the next notice.
func hears(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, frame, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Type string
		notify.Notice
	}
	if err := json.Unmarshal(frame, &e); err != nil || e.Type != "notice" || time.Since(e.At).Abs() > time.Minute {
		t.Fatalf("heard %s, %v, want a notice", frame, err)
	}
	return e.Text
}

func TestNotify(t *testing.T) {
	addr := serve(t)
	var clients []*websocket.Conn
	for range 3 {
		ws, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/ws/notices", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		if got := hears(t, ws); got != "Waiting for notices." {
			t.Fatalf("the first notice is %q", got)
		}
		clients = append(clients, ws)
	}

	at := "http://" + addr
	for _, tt := range []struct {
		name, method, path, body, origin string
		status                           int
		answer                           string
	}{
		{"a notice", "POST", "/notify", " Lunch is ready\n", "", 200, "sent to 3 clients\n"},
		{"from its own page", "POST", "/notify", "Lunch is ready", at, 200, "sent to 3 clients\n"},
		{"the longest", "POST", "/notify", strings.Repeat("x", 1000), "", 200, "sent to 3 clients\n"},
		{"too long", "POST", "/notify", strings.Repeat("x", 1001), "", 413, "a notice has at most 1000 bytes\n"},
		{"empty", "POST", "/notify", " \n", "", 400, "say something in the body\n"},
		{"another method", "GET", "/notify", "", "", 405, "Method Not Allowed\n"},
		{"from another page", "POST", "/notify", "spam", "https://example.com", 403, ""},
		{"another path", "GET", "/other", "", "", 404, "404 page not found\n"},
	} {
		status, answer := request(t, tt.method, at+tt.path, tt.body, tt.origin)
		if status != tt.status || tt.answer != "" && answer != tt.answer {
			t.Errorf("%s: %d %q, want %d %q", tt.name, status, answer, tt.status, tt.answer)
		}
		if tt.status != 200 {
			continue
		}
		for i, ws := range clients {
			if got := hears(t, ws); got != strings.TrimSpace(tt.body) {
				t.Errorf("%s: client %d heard %q", tt.name, i, got)
			}
		}
	}
	// What was refused was not sent: the next thing that everybody hears is this.
	request(t, "POST", at+"/notify", "the end", "")
	for i, ws := range clients {
		if got := hears(t, ws); got != "the end" {
			t.Errorf("client %d heard %q, which was refused", i, got)
		}
	}
}

// What clients send is answered, and nobody else hears of it.
func TestClientsOnlyListen(t *testing.T) {
	ws, _, err := websocket.Dial(t.Context(), "ws://"+serve(t)+"/ws/notices", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	hears(t, ws)
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(`{"type":"notice","text":"me too"}`)); err != nil {
		t.Fatal(err)
	}
	_, frame, err := ws.Read(t.Context())
	if want := `"code":"unsupported"`; err != nil || !strings.Contains(string(frame), want) {
		t.Errorf("heard %s, %v, want %s", frame, err, want)
	}
}

func TestPage(t *testing.T) {
	status, page := request(t, "GET", fmt.Sprintf("http://%s/", serve(t)), "", "")
	if status != 200 || !strings.Contains(page, "/ws/notices") || strings.Contains(page, "innerHTML") {
		t.Errorf("status %d, page:\n%s", status, page)
	}
}

// A page whose own name resolves to localhost has the server's origin. Its name gives it away.
func TestOtherNames(t *testing.T) {
	app, err := notify.NewApp()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"localhost:3100": 200, "127.0.0.1:3100": 200, "evil.example:3100": 421} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: got status %d, want %d", host, w.Code, want)
		}
	}
}
