package abuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// Row 9: the server answers with names from its own list only.
func unknownSubprotocols(t *testing.T) {
	s := start(t, setup{subprotocols: []string{"v1", "v2", "kilo"}})
	const offer = "Sec-WebSocket-Protocol: "
	sixty := strings.Repeat("x, ", 60)
	s.refuse(t, []refusal{
		{"unknown", s.upgrade(attacked, offer+"v3"), 400, offer},
		{"two unknown", s.upgrade(attacked, offer+"v3, v4"), 400, offer},
		{"61 unknown", s.upgrade(attacked, offer+sixty+"y"), 400, offer},
		{"1,000 unknown", s.upgrade(attacked, offer+strings.Repeat("x, ", 1000)+"y"), 431, offer},
		{"a known one behind 1,000", s.upgrade(attacked, offer+strings.Repeat("x, ", 1000)+"v1"), 431, offer},
		{"1,000 lines", s.upgrade(attacked, offer+"x"+strings.Repeat("\r\n"+offer+"x", 1000)), 431, offer},
		{"space inside", s.upgrade(attacked, offer+"v 1"), 400, offer},
		{"not ASCII", s.upgrade(attacked, offer+"v1é"), 400, offer},
		{"quoted", s.upgrade(attacked, offer+`"v1"`), 400, offer},
		{"with a parameter", s.upgrade(attacked, offer+"v1;q=1"), 400, offer},
		{"with a line break", s.upgrade(attacked, offer+"v3\r\n x: y"), 400, offer},
		{"Kelvin sign", s.upgrade(attacked, offer+"\u212Ailo"), 400, offer},
		{"another case", s.upgrade(attacked, offer+"V1"), 400, offer},
	})
	for _, tc := range []struct{ name, offer, want string }{
		{"none", "", ""},
		{"empty", offer, ""},
		{"commas", offer + ",,,", ""},
		{"one", offer + "v2", "v2"},
		{"the server's order", offer + "v2, v1", "v1"},
		{"holes", offer + "v1,,v1,", "v1"},
		{"twice", offer + "v1, v1", "v1"},
		{"no spaces", offer + "x,v2", "v2"},
		{"two lines", "+" + offer + "x\r\n" + offer + "v2", "v2"},
		{"behind 60", offer + sixty + "v1", "v1"},
		{"behind another case", offer + "V1, v1", "v1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			changes := []string{"X-None: "}
			if tc.offer != "" {
				changes[0] = tc.offer
			}
			c.put(s.upgrade(c.target(), changes...))
			resp := c.response()
			if got := resp.Header.Values("Sec-Websocket-Protocol"); resp.StatusCode != 101 || strings.Join(got, "|") != tc.want {
				t.Fatalf("got %s with %q, want 101 with %q", resp.Status, got, tc.want)
			}
			c.echoes()
		})
	}
}

// Row 10, without compression: no extension is negotiated, and the answer comes at once.
func otherExtensions(t *testing.T) {
	s := start(t, setup{})
	for _, tc := range []struct{ name, offer string }{
		{"compression", "permessage-deflate"},
		{"unknown", "x-custom; a=1"},
		{"duplicates", "permessage-deflate, permessage-deflate; server_max_window_bits=10"},
		{"50 parameters", "permessage-deflate" + strings.Repeat("; a", 50)},
		{"50 extensions", "x" + strings.Repeat(",x", 50)},
		{"quoted strings", `permessage-deflate; client_max_window_bits="1\"0", x; y=",;,"`},
		{"open quote", `permessage-deflate; a="`},
		{"nothing but punctuation", strings.Repeat(",;=\"", 25)},
		{"a parameter of 10,000 bytes", "permessage-deflate; " + strings.Repeat("a", 10_000)},
		{"not ASCII", "permessage-déflate"},
		{"empty", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			begun := time.Now()
			c.put(s.upgrade(c.target(), "Sec-WebSocket-Extensions: "+tc.offer))
			resp := c.response()
			if got := resp.Header.Values("Sec-Websocket-Extensions"); resp.StatusCode != 101 || len(got) > 0 {
				t.Fatalf("got %s with %q, want 101 without extensions", resp.Status, got)
			}
			if took := time.Since(begun); took > late/4 {
				t.Errorf("the handshake took %v", took)
			}
			c.echoes()
		})
	}
}

// Row 11.
func foreignOrigins(t *testing.T) {
	s := start(t, setup{options: wsgate.Options{Origins: []string{"https://good.example", "*.wild.example", "port.example:8080"}}})
	for _, tc := range []struct {
		name   string
		status int
		lines  []string // "O " stands for "Origin: "
	}{
		{"absent", 101, nil},
		{"same host", 101, []string{"O http://127.0.0.1:PORT"}},
		{"same host, other scheme", 101, []string{"O https://127.0.0.1:PORT"}},
		{"same host, upper case", 101, []string{"Host: Server.example", "O http://SERVER.EXAMPLE"}},
		{"same host, other port", 403, []string{"O http://127.0.0.1:1"}},
		{"same host, no port", 403, []string{"O http://127.0.0.1"}},
		{"same host, the scheme's port", 101, []string{"Host: server.example:443", "O https://server.example"}},
		{"same host, another scheme's port", 403, []string{"Host: server.example:80", "O https://server.example"}},
		{"null", 403, []string{"O null"}},
		{"null and an empty Host", 400, []string{"Host: ", "O null"}},
		{"no host and an empty Host", 400, []string{"Host: ", "O http://"}},
		{"no Origin and an empty Host", 400, []string{"Host: "}},
		{"other host", 403, []string{"O http://evil.example"}},
		{"own host as a prefix", 403, []string{"O http://127.0.0.1:PORT.evil.example"}},
		{"own host as the user", 403, []string{"O http://127.0.0.1:PORT@evil.example"}},
		{"own host in the path", 403, []string{"O http://evil.example/127.0.0.1:PORT"}},
		{"own host in the fragment", 403, []string{"O http://evil.example#127.0.0.1:PORT"}},
		{"backslash", 403, []string{`O http://evil.example\@127.0.0.1:PORT`}},
		{"own host without a scheme", 403, []string{"O 127.0.0.1:PORT"}},
		{"IPv6", 403, []string{"O http://[::1]:3000"}},
		{"IPv6 of the same address", 403, []string{"O http://[::ffff:127.0.0.1]:PORT"}},
		{"IDN", 403, []string{"O http://exämple.example"}},
		{"not a URL", 403, []string{"O http://%zz"}},
		{"two", 400, []string{"O http://127.0.0.1:PORT", "+O http://evil.example"}},
		{"two equal ones", 400, []string{"O http://127.0.0.1:PORT", "+O http://127.0.0.1:PORT"}},
		{"a list in one", 403, []string{"O http://127.0.0.1:PORT http://evil.example"}},
		{"listed", 101, []string{"O https://good.example"}},
		{"listed, upper case", 101, []string{"O https://GOOD.example"}},
		{"listed, other scheme", 403, []string{"O http://good.example"}},
		{"listed, other port", 403, []string{"O https://good.example:444"}},
		{"listed with a port", 101, []string{"O http://port.example:8080"}},
		{"listed without its port", 403, []string{"O http://port.example"}},
		{"below a wildcard", 101, []string{"O http://a.wild.example"}},
		{"the wildcard's own host", 403, []string{"O http://wild.example"}},
		{"wildcard as a suffix", 403, []string{"O http://evilwild.example"}},
		{"wildcard as a prefix", 403, []string{"O http://a.wild.example.evil.example"}},
		{"wildcard and a port", 403, []string{"O http://a.wild.example:444"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			var changes []string
			for _, line := range tc.lines {
				line = strings.Replace(line, "O ", "Origin: ", 1)
				changes = append(changes, strings.ReplaceAll(line, "127.0.0.1:PORT", s.addr))
			}
			c.put(s.upgrade(c.target(), changes...))
			if resp := c.response(); resp.StatusCode != tc.status {
				t.Errorf("got %s, want %d", resp.Status, tc.status)
			}
			if tc.status != 101 {
				c.neverOpened()
			}
		})
	}
}

// Row 12, as far as it is the library's: a token that OnUpgrade refuses is answered with its status before the upgrade.
func monstrousTokens(t *testing.T) {
	refused := func(r *http.Request) error {
		if r.Header.Get("Authorization") != "Bearer good" {
			return wsgate.Errorf(wsgate.Unauthenticated, "who is it?")
		}
		return nil
	}
	s := start(t, setup{hooks: hooks{upgrade: refused}})
	const token = "Authorization: Bearer "
	s.refuse(t, []refusal{
		{"none", s.upgrade(attacked), 401, "Connection: close"},
		{"wrong", s.upgrade(attacked, token+"bad"), 401, "Connection: close"},
		{"not UTF-8", s.upgrade(attacked, token+"good\xff"), 401, "Connection: close"},
		{"64 KiB", s.upgrade(attacked, token+strings.Repeat("x", 64<<10)), 431, "Connection: close"},
		{"good, and not an upgrade", s.upgrade(attacked, token+"good", "-Upgrade"), 426, ""},
	})
	c := s.dial(t)
	c.put(s.upgrade(c.target(), token+"good"))
	c.upgraded()
	c.echoes()
}

// Row 13: whatever OnUpgrade does, its request is answered in time and its place becomes free.
func upgradeHook(t *testing.T) {
	release, waiting := make(chan struct{}), make(chan struct{}, 2)
	upgrade := func(r *http.Request) error {
		switch r.URL.Query().Get("do") {
		case "wait":
			waiting <- struct{}{}
			<-r.Context().Done()
			return context.Cause(r.Context())
		case "ignore":
			<-release
		case "panic":
			panic("out of order")
		case "exit":
			runtime.Goexit()
		case "fail":
			return errors.New("the disk is full")
		}
		return nil
	}
	s := start(t, setup{
		limits: wsgate.Limits{Handshake: short}, hooks: hooks{upgrade: upgrade}, loud: true,
		options: wsgate.Options{Limits: wsgate.Limits{Connections: many + 1}}, // one place beside the neighbours
	})
	for _, tc := range []struct {
		do     string
		status int
		least  time.Duration
	}{
		{"wait", 503, short},
		{"ignore", 503, short},
		{"panic", 500, 0},
		{"exit", 500, 0},
		{"fail", 500, 0},
	} {
		t.Run(tc.do, func(t *testing.T) {
			s.place(t, func(c *client) bool {
				from := time.Now()
				c.put(s.upgrade(c.target() + "&do=" + tc.do))
				resp := c.response()
				if full(resp) {
					return false
				}
				if resp.StatusCode != tc.status || !resp.Close {
					t.Errorf("got %s, close is %v, want %d", resp.Status, resp.Close, tc.status)
				}
				if took := time.Since(from); took < tc.least || took > late {
					t.Errorf("it took %v, want at least %v", took, tc.least)
				}
				c.neverOpened()
				return true
			})
		})
	}
	t.Run("client leaves", func(t *testing.T) {
		s.place(t, func(c *client) bool {
			c.put(s.upgrade(c.target() + "&do=wait"))
			if c.idle(short / 2); c.in.Buffered() > 0 {
				return false // too many connections
			}
			<-waiting
			c.reset()
			c.neverOpened()
			return true
		})
	})
	s.place(t, func(c *client) bool {
		c.put(s.upgrade(c.target()))
		return c.response().StatusCode == 101
	})
	close(release)
	lines := logged(s.log)
	isLate := func(line string) bool { return strings.Contains(line, "a handler does not return") }
	if failed := slices.DeleteFunc(slices.Clone(lines), isLate); len(failed) != 3 || !slices.ContainsFunc(lines, isLate) ||
		!strings.Contains(fmt.Sprint(lines), "out of order") {
		t.Errorf("the log has %q, want one line for each that failed, and for each that did not return", lines)
	}
}

// place tries with one client after the other until f has found a place, as it is free only when the client before has
// gone.
func (s *server) place(t *testing.T, f func(*client) bool) {
	t.Helper()
	if !eventually(late, func() bool {
		c := s.dial(t)
		defer c.Close()
		return f(c)
	}) {
		t.Errorf("no place is free after %v", late)
	}
}

// full reports whether a request was refused since there are too many connections.
func full(resp *http.Response) bool {
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode == 503 && strings.Contains(string(body), "too many connections")
}
