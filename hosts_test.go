package wsgate_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// A page that has its own name resolve to this server's address has the server's origin: only the name gives it away.
func TestHosts(t *testing.T) {
	opts := &wsgate.Options{Hosts: []string{"chat.example.com", "*.Wild.example", "localhost"}}
	app := kit.NewApp(t, opts, kit.RouteTo("/ws", &kit.MessageGateway{}))
	if err := app.Handle("GET /page", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"chat.example.com": true, "chat.example.com:8443": true, "CHAT.example.com": true, "chat.example.com.": true,
		"a.wild.example": true, "a.b.wild.example:80": true, "localhost": true, "localhost:3100": true,
		"127.0.0.1:3100": true, "192.0.2.7": true, "[::1]:3100": true, "[2001:db8::1]": true, // addresses are no names
		"evil.example": false, "evil.example:3100": false, "wild.example": false, "awild.example": false, ".wild.example": false,
		"chat.example.com.evil.example": false, "evilchat.example.com": false, "localhost.evil.example": false,
		"127.0.0.1.evil.example": false, "127.0.0.1.": false, "2130706433": false, "[::1].evil.example": false, "": false, ":80": false,
	} {
		for _, path := range []string{"/ws", "/page", "/nowhere"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if misdirected := w.Code == http.StatusMisdirectedRequest; misdirected == want {
				t.Errorf("%s of %q: got status %d, passing is %v", path, host, w.Code, want)
			}
		}
	}
	rebound := http.Header{"Origin": {"http://evil.example:3100"}}
	if _, resp, err := memory.Dial(app, "ws://evil.example:3100/ws", rebound); err == nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a page whose name resolves to the server: got %v, want 421", err)
	}
	own := http.Header{"Origin": {"http://localhost:3100"}}
	ws, _, err := memory.Dial(app, "ws://localhost:3100/ws", own)
	if err != nil {
		t.Fatal(err)
	}
	ws.Close(websocket.StatusNormalClosure, "")
}

func TestBadHosts(t *testing.T) {
	for _, host := range []string{
		"", "*", "*.", "https://example.com", "example.com:443", "example.com/", "exa mple.com", "a..example", ".example.com",
		"example.com.", "*example.com", "a.*.example", "127.0.0.1", "[::1]", "::1", "münchen.example", "*.127.0.0.1", "127.1", "2130706433",
	} {
		t.Run(host, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{Hosts: []string{"good.example", host}})
			kit.CheckText(t, text, "Options.Hosts", `have "`+host+`"`, "want")
			if host == "münchen.example" {
				kit.CheckText(t, text, `want "xn--mnchen-3ya.example", as clients send it`)
			}
			if n := kit.CountMistakes(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
		})
	}
	kit.NewAppOf(t, &wsgate.Options{Hosts: []string{"example.com", "*.example.com", "localhost", "a", "my_service", "xn--mnchen-3ya.example"}}, gatewayAt("/", newFine))
}
