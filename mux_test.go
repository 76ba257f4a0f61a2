package wsgate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// WebSocket clients follow no redirect. So an upgrade that http.ServeMux would redirect is told where to go, and so is
// its programmer; all that nothing serves is 404.
func TestUpgradesOfOtherPaths(t *testing.T) {
	g := &kit.MessageGateway{}
	newG := func() *kit.MessageGateway { return g }
	app := kit.NewApp(t, nil, wsgate.Route{Path: "/ws", New: newG}, wsgate.Route{Path: "/dir/", New: newG}, wsgate.Route{Path: "/rooms/{room}/{$}", New: newG},
		wsgate.Route{Path: "host.example/there/", New: newG})
	mount := func(pattern string, h http.Handler) {
		t.Helper()
		if err := app.Handle(pattern, h); err != nil {
			t.Fatal(err)
		}
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page") })
	mount("GET /page", page)
	mount("POST /notify", page)
	mount("/proxy/", page)
	mount("/moved", http.RedirectHandler("/ws", http.StatusTemporaryRedirect))
	for _, test := range []struct {
		target string
		status int
		body   string
	}{
		{"//ws", 404, `no gateway at "//ws"; it is at "/ws"`},
		{"/x/../ws", 404, `no gateway at "/x/../ws"; it is at "/ws"`},
		{"/./ws?name=ann", 404, `no gateway at "/./ws"; it is at "/ws"`},
		{"/dir", 404, `no gateway at "/dir"; it is at "/dir/"`},
		{"/x/..//dir", 404, `no gateway at "/x/..//dir"; it is at "/dir/"`},
		{"/dir//a", 404, `no gateway at "/dir//a"; it is at "/dir/a"`},
		{"/rooms/caf%C3%A9%2Fbar", 404, `no gateway at "/rooms/caf%C3%A9%2Fbar"; it is at "/rooms/caf%C3%A9%2Fbar/"`},
		{"/rooms/%0A%22", 404, `no gateway at "/rooms/%0A%22"; it is at "/rooms/%0A%22/"`},
		{"ws://host.example//there", 404, `no gateway at "//there"; it is at "/there/"`},
		{"ws://host.example/there", 404, `no gateway at "/there"; it is at "/there/"`},
		{"/there", 404, `no gateway at "/there"`},
		{"/nowhere", 404, `no gateway at "/nowhere"`},
		{"/x/../nowhere", 404, `no gateway at "/x/../nowhere"`},
		{"/ws/", 404, `no gateway at "/ws/"; it is at "/ws"`},
		{"/" + strings.Repeat("x", 1000), 404, `no gateway at "/` + strings.Repeat("x", 199) + `"`},
		{"/notify", 404, `no gateway at "/notify"`}, // 405 with "Allow: POST" would be right, and no help
		{"/proxy", 404, `no gateway at "/proxy"; try "/proxy/"`},
		{"//page", 404, `no gateway at "//page"; try "/page"`},
		{"/page", 200, "page"},
		{"/proxy/ws", 200, "page"},
		{"/moved", 307, ""}, // somebody wanted it
	} {
		_, resp, err := memory.DialRaw(app, test.target, nil)
		if err == nil {
			t.Errorf("%s: upgraded", test.target)
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		if got := strings.TrimSuffix(string(body), "\n"); resp.StatusCode != test.status || test.body != "" && got != test.body {
			t.Errorf("%s: got %d %q, want %d %q", test.target, resp.StatusCode, got, test.status, test.body)
		}
		if location := resp.Header.Get("Location"); (location != "") != (test.status == 307) {
			t.Errorf("%s: got Location %q", test.target, location)
		}
	}
	for _, target := range []string{"/ws", "/dir/", "/dir/a", "/rooms/a/", "ws://host.example/there/"} {
		conn, _, err := memory.DialRaw(app, target, nil)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		conn.Close()
	}
	// What is no upgrade follows redirects, and gets them.
	for target, want := range map[string]string{"//page": "/page", "/dir": "/dir/", "//ws": "/ws"} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", "http://example.com"+target, nil))
		if got := w.Header().Get("Location"); w.Code != 307 || got != want {
			t.Errorf("GET %s: got %d to %q, want 307 to %q", target, w.Code, got, want)
		}
	}
}

// A 405 names the methods that are allowed (RFC 9110 section 15.5.6).
func TestOtherMethodsOfAnUpgrade(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	r := httptest.NewRequest("POST", "/ws", nil)
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	if got := w.Header().Get("Allow"); w.Code != 405 || got != "GET" {
		t.Errorf("got %d, Allow %q", w.Code, got)
	}
}

// seenRequest tells what OnUpgrade finds in the request.
type seenRequest struct{ seen chan string }

func (g seenRequest) OnUpgrade(r *http.Request) (struct{}, error) {
	g.seen <- fmt.Sprintf("%s name=%s", r.Pattern, r.PathValue("name"))
	return struct{}{}, nil
}

func (g seenRequest) OnMessage(context.Context, *wsgate.Conn[struct{}], wsgate.Message) error {
	return nil
}

// An upgrade has the pattern that it matched, and the path's values, as every request of an http.ServeMux has.
func TestUpgradesHaveTheirPattern(t *testing.T) {
	g := seenRequest{make(chan string, 1)}
	newG := func() seenRequest { return g }
	app := kit.NewApp(t, nil, wsgate.Route{Path: "/ws", New: newG}, wsgate.Route{Path: "/dir/", New: newG}, wsgate.Route{Path: "/rooms/{name}", New: newG},
		wsgate.Route{Path: "/end/{$}", New: newG})
	for target, want := range map[string]string{
		"/ws":        "/ws name=",
		"/dir/a":     "/dir/ name=",
		"/rooms/ann": "/rooms/{name} name=ann",
		"/end/":      "/end/{$} name=",
	} {
		kit.Dial(t, app, target)
		if got := kit.Receive(t, g.seen, "OnUpgrade"); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}
