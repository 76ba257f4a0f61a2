package wsgate_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// A page of the host that the request names may connect. Browsers leave the scheme's own port out, proxies may not.
func TestOwnOrigins(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	for _, test := range []struct {
		host, origin string
		want         bool
	}{
		{"chat.example.com", "http://chat.example.com", true},
		{"chat.example.com:80", "http://chat.example.com", true},
		{"chat.example.com:443", "https://chat.example.com", true},
		{"chat.example.com", "https://chat.example.com", true}, // the proxy before us has ended TLS
		{"chat.example.com", "http://chat.example.com:80", true},
		{"chat.example.com", "https://chat.example.com:443", true},
		{"chat.example.com:443", "https://chat.example.com:443", true},
		{"CHAT.example.com:80", "http://chat.EXAMPLE.com", true},
		{"[::1]:80", "http://[::1]", true},
		{"[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080", true},
		{"chat.example.com", "http://chat.example.com:", true},
		{"chat.example.com:8080", "app://chat.example.com:8080", true},
		{"chat.example.com:80", "app://chat.example.com", false}, // a scheme without a port of its own
		{"chat.example.com:80", "https://chat.example.com", false},
		{"chat.example.com:443", "http://chat.example.com", false},
		{"chat.example.com", "http://chat.example.com:443", false},
		{"chat.example.com", "https://chat.example.com:80", false},
		{"chat.example.com:8080", "http://chat.example.com", false},
		{"chat.example.com", "http://chat.example.com:8080", false},
		{"chat.example.com:800", "http://chat.example.com", false},
		{"chat.example.com80", "http://chat.example.com", false},
		{"[::1]:80", "http://[::2]", false},
		{"127.0.0.1", "http://[::ffff:127.0.0.1]", false},
		{":80", "http://", false},
		{":80", "null", false},
	} {
		if got := upgradeFrom(app, test.host, test.origin); got != test.want {
			t.Errorf("a page of %s on host %s may connect: %v, want %v", test.origin, test.host, got, test.want)
		}
	}
}

// What Options.Origins has is what a browser sends, however it is written.
func TestListedOrigins(t *testing.T) {
	for _, test := range []struct{ listed, allowed, refused string }{
		{"https://app.example.com:443", "https://app.example.com https://app.example.com:443", "http://app.example.com https://app.example.com:8443"},
		{"https://app.example.com", "https://app.example.com https://app.example.com:443", "https://app.example.com:80"},
		{"http://app.example.com:80", "http://app.example.com", "https://app.example.com"},
		{"app.example.com:443", "https://app.example.com", "http://app.example.com"},
		{"app.example.com", "https://app.example.com http://app.example.com:80", "http://app.example.com:443 https://app.example.com:80"},
		{"HTTPS://App.Example.com:443", "https://app.example.com", "http://app.example.com"},
		{"http://localhost:*", "http://localhost http://localhost:80 http://localhost:5173", "https://localhost http://localhost.example"},
		{"http://[::1]:5173", "http://[::1]:5173", "http://[::1] http://[::2]:5173 http://::5173 http://1:5173"},
		{"[::1]:*", "http://[::1]:5173 http://[::1]", "http://[::2]:5173"},
		{"[2001:DB8:0:0:0:0:0:1]", "https://[2001:db8::1] http://[2001:db8::1]:80", "https://[2001:db8::2]"},
		{"http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]", "http://192.0.2.1"},
		{"https://192.0.2.1:443", "https://192.0.2.1", "https://192.0.2.10"},
		{"https://[a-c].example.com", "https://a.example.com https://b.example.com:443", "https://d.example.com"},
		{"https://*.example.com:8443", "https://a.example.com:8443", "https://a.example.com"},
		{"https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example", "https://munchen.example"},
		{"app://-", "app://-", "http://-"},
		{"null", "null", "https://null http://null:80 file:// https://a.example"},
		{"NULL", "null", "file://"},
		{"file://", "file://", "null http://localhost https://file"},
		{"capacitor://localhost", "capacitor://localhost", "http://localhost ionic://localhost capacitor://localhost.example null"},
		{"ionic://localhost", "ionic://localhost", "capacitor://localhost https://localhost"},
		{"tauri://localhost", "tauri://localhost", "http://tauri.localhost"},
		{"http://tauri.localhost", "http://tauri.localhost", "https://tauri.localhost tauri://localhost"},
		{"chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba"},
		{"chrome-extension://*", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc null"},
		{"moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", "moz-extension://0"},
		{"safari-web-extension://5D8FA2B0-8A1D-4B6C-9E36-0C0C59F3E6B1", "safari-web-extension://5D8FA2B0-8A1D-4B6C-9E36-0C0C59F3E6B1", "null"},
		{"vscode-webview://*", "vscode-webview://1a2b3c", "vscode-file://vscode-app"},
		{"app://.", "app://.", "app://a"},
		{"app://", "app://", "app://a null"},
		{"localhost", "capacitor://localhost http://localhost", "http://tauri.localhost"},
		{"data:8080", "http://data:8080", "http://data null"},
		{"*", "https://a.example:8443 http://[::1]:80 null file:// capacitor://localhost", ""},
		{"https://*", "https://a.example:8443", "null"},
	} {
		app := kit.NewApp(t, &wsgate.Options{Origins: []string{test.listed}}, kit.RouteTo("/ws", &kit.MessageGateway{}))
		for origin := range strings.FieldsSeq(test.allowed) {
			if !upgradeFrom(app, "server.example", origin) {
				t.Errorf("%q: a page of %s is refused", test.listed, origin)
			}
		}
		for origin := range strings.FieldsSeq(test.refused) {
			if upgradeFrom(app, "server.example", origin) {
				t.Errorf("%q: a page of %s may connect", test.listed, origin)
			}
		}
	}
}

// upgradeFrom reports whether a page may connect by that name of the host.
func upgradeFrom(app http.Handler, host, origin string) bool {
	conn, _, err := memory.DialRaw(app, "/ws", http.Header{"Host": {host}, "Origin": {origin}})
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// What no browser sends as an origin would be listed in vain.
func TestBadOrigins(t *testing.T) {
	const want = `want a pattern of a host, as "*.example.com" or "localhost:8080", or of a scheme and host, as "https://example.com"`
	for origin, want := range map[string]string{
		"": want, "[": want, "a[": want, "*.example.com[": want, `example.com\`: want, "https://": want, "://example.com": want, "https://[": want,
		"https://example.com/": want, "https://example.com/chat": want, "https//example.com": want, "example.com/": want, "https://a[b": want,
		" example.com": want, "example.com ": want, "https://a.example,https://b.example": want, "a.example,b.example": want,
		"https://user@example.com": want, "https://example.com#top": want, "https://ex%41mple.com": want, "https://a..example": want, ".example.com": want,
		"ht tp://example.com": want, "https:// example.com": want, "localhost:": want, "localhost:http": want, "localhost:99999": want,
		"localhost:0": want, "localhost:080": want, "https://*:": want,
		"capacitor://localhost/": want, "1app://localhost": want, "-app://localhost": want, "capacitor://a b": want,
		"127.1": want, "http://192.0.2.256": want, "https://0x7f000001": want, "2130706433": want,
		"https://münchen.example":     `want "https://xn--mnchen-3ya.example", as browsers send it`,
		"*.MÜNCHEN.example:8080":      `want "*.xn--mnchen-3ya.example:8080", as browsers send it`,
		"https://bücher.*.example":    `want the "xn--" form of the name, as browsers send it`,
		"wss://example.com":           `want "https://example.com": an origin is that of a page`,
		"ws://localhost:5173":         `want "http://localhost:5173": an origin is that of a page`,
		"data:":                       `want "null": the origin of such pages has no name`,
		"data://":                     `want "null": the origin of such pages has no name`,
		"data:text/html,hello":        `want "null": the origin of such pages has no name`,
		"about:srcdoc":                `want "null": the origin of such pages has no name`,
		"content://com.example":       `want "null": the origin of such pages has no name`,
		"file:///":                    `want "file://": the origin of files has no path`,
		"file:///home/page.html":      `want "file://": the origin of files has no path`,
		"file://*":                    `want "file://": the origin of files has no path`,
		"chrome-extension://my-thing": `want the extension's ID, as "chrome-extension://" and 32 letters from a to p, or "chrome-extension://*"`,
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop/popup.html": `want the extension's ID, as "chrome-extension://" and 32 letters from a to p, or "chrome-extension://*"`,
		"::1":                          `want an IPv6 address in full and in brackets, as "http://[::1]:5173"`,
		"http://::1:5173":              `want an IPv6 address in full and in brackets, as "http://[::1]:5173"`,
		"http://[fe80::*]:5173":        `want an IPv6 address in full and in brackets, as "http://[::1]:5173"`,
		"http://[fe80::1%25eth0]:5173": `want an IPv6 address in full and in brackets, as "http://[::1]:5173"`,
		"a:80:80":                      `want an IPv6 address in full and in brackets, as "http://[::1]:5173"`,
		"http://[::1]5173":             `want an IPv6 address in full and in brackets, as "http://[::1]:5173"`,
	} {
		t.Run(origin, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{Origins: []string{"good.example", origin}})
			kit.CheckText(t, text, "Options.Origins", "have "+strconv.Quote(origin), want)
			if n := kit.CountMistakes(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
		})
	}
	kit.NewAppOf(t, &wsgate.Options{Origins: []string{
		"example.com", "*.example.com", "localhost:8080", "https://example.com", "https://*.example.com:8443", "*", "chrome-extension://*",
		"[a-c].example.com", "*://example.com", "http*://localhost:*", "localhost:517[0-9]", "192.168.*.1", "tauri://localhost", "my_service:3000", "example.com.",
	}}, gatewayAt("/", newFine))
}
