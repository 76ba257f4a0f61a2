package abuse

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A refused upgrade request: what is sent, and how it is answered.
type refusal struct {
	name   string
	send   []byte
	status int
	header string // "Name: value" that the answer has
}

// refuse sends each request on a connection of its own. None of them may open a WebSocket.
func (s *server) refuse(t *testing.T, cases []refusal) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			wait := c.flood(tc.send, 1) // from a goroutine, since the server may answer before it has read all
			resp := c.response()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tc.status {
				t.Errorf("got %s, want %d; %q", resp.Status, tc.status, body)
			}
			if resp.Close { // ReadResponse takes the header away
				resp.Header.Set("Connection", "close")
			}
			if name, value, _ := strings.Cut(tc.header, ": "); resp.Header.Get(name) != value {
				t.Errorf("got %s %q, want %q", name, resp.Header.Get(name), value)
			}
			c.Close()
			wait()
			c.neverOpened()
		})
	}
}

// Row 1.
func notHTTP(t *testing.T) {
	s := start(t, setup{})
	hello := "\x16\x03\x01\x00\x75\x01\x00\x00\x71\x03\x03" + strings.Repeat("\x5a", 32) + "\x00\x00\x02\x13\x01\x01\x00\x00\x46"
	s.refuse(t, []refusal{
		{"TLS", []byte(hello + "\r\n\r\n"), 400, "Connection: close"},
		{"zeros", append(make([]byte, 100), "\r\n\r\n"...), 400, "Connection: close"},
		{"frames", append(masked(text, []byte("hello")), "\r\n\r\n"...), 400, "Connection: close"},
		{"another protocol", []byte("EHLO client.example\r\n\r\n"), 400, "Connection: close"},
		{"HTTP/0.9", []byte("GET /attacked\r\n\r\n"), 400, "Connection: close"},
		{"HTTP/3.7", s.upgrade("GET /attacked HTTP/3.7"), 505, "Connection: close"},
		{"version of two digits", s.upgrade("GET /attacked HTTP/1.10"), 400, "Connection: close"},
		{"a line without a colon", append([]byte("GET /attacked HTTP/1.1\r\nHost: a\r\nnothing\r\n"), "\r\n"...), 400, "Connection: close"},
	})
	t.Run("HTTP/2 preface", func(t *testing.T) {
		c := s.dial(t)
		c.put([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		if resp := c.response(); resp.StatusCode < 400 {
			t.Errorf("got %s", resp.Status)
		}
	})
}

// Rows 2 and 3: the header has to arrive in the 5 s that the App gives it.
func headerTimeout(t *testing.T) {
	const dribblers, silent = 1000, 100
	const limit = 5 * time.Second
	s := start(t, setup{most: 128 << 20})
	var wg sync.WaitGroup
	cut := func(c *client, b string, begun time.Time) {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for i := 0; ; i++ {
			if i < len(b) && !c.try([]byte{b[i]}) {
				break
			}
			c.SetReadDeadline(time.Now().Add(time.Second))
			if answer, err := c.in.ReadString('\n'); strings.Contains(answer, " 101 ") {
				t.Errorf("%s got %q", c.name, answer)
			} else if !isTimeout(err) {
				break
			}
			if time.Since(begun) > ratio*limit {
				break
			}
		}
		if took := time.Since(begun); took < limit*9/10 || took > limit+late {
			t.Errorf("%s was cut after %v, want %v", c.name, took, limit)
		}
	}
	var trips []time.Duration
	t.Run("all", func(t *testing.T) { // whose clients are forgotten before memory is measured
		begun := time.Now()
		for i := range dribblers + silent {
			c, b := s.dial(t), ""
			if i < dribblers {
				b = string(s.upgrade(c.target()))
			}
			from := time.Now()
			wg.Go(func() { cut(c, b, from) })
		}
		partial := s.dial(t)
		partial.put(s.upgrade(partial.target())[:60])
		from := time.Now()
		wg.Go(func() { cut(partial, "", from) })
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for ; time.Since(begun) < limit; <-ticker.C {
			from := time.Now()
			c := s.connect(t)
			c.echoes()
			trips = append(trips, time.Since(from))
			c.Close()
		}
		wg.Wait()
	})
	t.Logf("handshakes meanwhile: %s", summary(trips))
	if longest := trips[len(trips)-1]; longest > late+s.memory.paused() {
		t.Errorf("a handshake took %v meanwhile, want at most %v", longest, late)
	}
}

// Row 4: net/http would wait for the body before it answers with 101.
func upgradeWithBody(t *testing.T) {
	s := start(t, setup{})
	chunks := []byte("400\r\n" + strings.Repeat("x", 0x400) + "\r\n")
	for _, tc := range []struct {
		name   string
		header string
		flood  []byte
	}{
		{"length without a body", "Content-Length: 10", nil},
		{"length and a part of it", "Content-Length: 10", []byte("abc")},
		{"great length without a body", "Content-Length: 9223372036854775807", nil},
		{"chunked without a body", "Transfer-Encoding: chunked", nil},
		{"chunked without an end", "Transfer-Encoding: chunked", chunks},
		{"waits for 100", "Content-Length: 10\r\nExpect: 100-continue", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			c.put(s.upgrade(c.target(), tc.header))
			wait := c.flood(tc.flood, min(len(tc.flood), 1)<<20)
			if resp := c.response(); resp.StatusCode != http.StatusBadRequest || !resp.Close {
				t.Errorf("got %s, close is %v, want 400 and close", resp.Status, resp.Close)
			}
			if e := c.discard(late); e.open {
				t.Errorf("the TCP connection is open %v after the answer", late)
			}
			c.Close()
			wait()
			c.neverOpened()
		})
	}
	t.Run("length 0 is no body", func(t *testing.T) {
		c := s.dial(t)
		c.put(s.upgrade(c.target(), "Content-Length: 0"))
		c.upgraded()
		c.echoes()
	})
}

// Row 5.
func largeHeaders(t *testing.T) {
	s := start(t, setup{})
	var hundred, tiny []string
	for range 100 {
		hundred = append(hundred, "+X-Large: "+strings.Repeat("x", 8<<10))
	}
	for range 10_000 {
		tiny = append(tiny, "+X: y")
	}
	const own = 5 // fields that an upgrade has anyway
	s.refuse(t, []refusal{
		{"100 of 8 KiB", s.upgrade(attacked, hundred...), 431, "Connection: close"},
		{"one of 64 KiB", s.upgrade(attacked, "X-Large: "+strings.Repeat("x", 64<<10)), 431, "Connection: close"},
		{"10,000 tiny ones", s.upgrade(attacked, tiny...), 431, "Connection: close"},
		{"501", s.upgrade(attacked, tiny[:501-own]...), 431, "Connection: close"},
		{"a name of 64 KiB", s.upgrade(attacked, strings.Repeat("x", 64<<10)+": y"), 431, "Connection: close"},
		{"Host of 30 KiB", s.upgrade(attacked, "Host: "+strings.Repeat("x", 30<<10)), 431, "Connection: close"},
		{"Origin of 30 KiB", s.upgrade(attacked, "Origin: http://"+strings.Repeat("x", 30<<10)), 431, "Connection: close"},
		{"key of 30 KiB", s.upgrade(attacked, "Sec-WebSocket-Key: "+strings.Repeat("x", 30<<10)), 431, "Connection: close"},
		{"version of 30 KiB", s.upgrade(attacked, "Sec-WebSocket-Version: "+strings.Repeat("1", 30<<10)), 431, "Connection: close"},
		{"10,000 elements of Upgrade", s.upgrade(attacked, "Upgrade: websocket"+strings.Repeat(",x", 10_000)), 431, "Connection: close"},
		{"10,000 elements of Connection", s.upgrade(attacked, "Connection: Upgrade"+strings.Repeat(",x", 10_000)), 431, "Connection: close"},
		{"10,000 parameters", s.upgrade(attacked, "Sec-WebSocket-Extensions: permessage-deflate"+strings.Repeat("; a", 10_000)), 431, "Connection: close"},
		{"10,000 extensions", s.upgrade(attacked, "Sec-WebSocket-Extensions: x"+strings.Repeat(",x", 10_000)), 431, "Connection: close"},
	})
	t.Run("as many as fit", func(t *testing.T) {
		c := s.dial(t)
		c.put(s.upgrade(c.target(), tiny[:500-own]...))
		c.upgraded()
		c.echoes()
	})
}

// Row 6. An absolute URI in the request line is allowed (RFC 6455 section 4.2.1); its host is the request's, and what the
// Host header says does not count.
func requestLine(t *testing.T) {
	s := start(t, setup{})
	s.refuse(t, []refusal{
		{"HTTP/1.0", s.upgrade("GET /attacked HTTP/1.0"), 426, ""},
		{"HTTP/1.0 and keep-alive", s.upgrade("GET /attacked HTTP/1.0", "Connection: keep-alive, Upgrade"), 426, ""},
		{"no Host", s.upgrade(attacked, "-Host"), 400, ""},
		{"two Hosts", s.upgrade(attacked, "+Host: other.example"), 400, ""},
		{"two equal Hosts", s.upgrade(attacked, "+Host: "+s.addr), 400, ""},
		{"Host with a space", s.upgrade(attacked, "Host: a b"), 400, ""},
		{"Host with a slash", s.upgrade(attacked, "Host: a/b"), 400, ""},
		{"lower-case method", s.upgrade("get /attacked HTTP/1.1"), 405, ""},
		{"two spaces", s.upgrade("GET  /attacked HTTP/1.1"), 400, ""},
		{"tab", s.upgrade("GET\t/attacked HTTP/1.1"), 400, ""},
		{"asterisk", s.upgrade("GET * HTTP/1.1"), 400, ""},
		{"no slash", s.upgrade("GET attacked HTTP/1.1"), 400, ""},
		{"NUL in a header", s.upgrade(attacked, "X-Nul: a\x00b"), 400, ""},
		{"space before the colon", s.upgrade(attacked, "X-Space : a"), 400, ""},
		{"absolute URI of another host", s.upgrade("GET http://other.example/attacked HTTP/1.1", "Origin: http://"+s.addr), 403, ""},
	})
	t.Run("absolute URI", func(t *testing.T) {
		c := s.dial(t)
		c.put(s.upgrade("GET http://"+s.addr+c.target()+" HTTP/1.1", "Origin: http://"+s.addr))
		c.upgraded()
		c.echoes()
	})
}

// Row 7.
func keyAndVersion(t *testing.T) {
	s := start(t, setup{})
	const key = "Sec-WebSocket-Key: "
	s.refuse(t, []refusal{
		{"no key", s.upgrade(attacked, "-Sec-WebSocket-Key"), 400, ""},
		{"empty key", s.upgrade(attacked, key), 400, ""},
		{"short key", s.upgrade(attacked, key+"dGhlIHNhbXBsZSBub24="), 400, ""},
		{"long key", s.upgrade(attacked, key+"dGhlIHNhbXBsZSBub25jZWQ="), 400, ""},
		{"key of 33 characters", s.upgrade(attacked, key+strings.Repeat("A", 33)), 400, ""},
		{"key that is not base64", s.upgrade(attacked, key+"dGhlIHNhbXBsZSBub25jZ!=="), 400, ""},
		{"two keys", s.upgrade(attacked, "+"+key+"AAAAAAAAAAAAAAAAAAAAAA=="), 400, ""},
		{"two equal keys", s.upgrade(attacked, "+"+key+"dGhlIHNhbXBsZSBub25jZQ=="), 400, ""},
		{"version 12", s.upgrade(attacked, "Sec-WebSocket-Version: 12"), 400, "Sec-Websocket-Version: 13"},
		{"versions 13, 8", s.upgrade(attacked, "Sec-WebSocket-Version: 13, 8"), 400, "Sec-Websocket-Version: 13"},
		{"version 013", s.upgrade(attacked, "Sec-WebSocket-Version: 013"), 400, "Sec-Websocket-Version: 13"},
		{"no version", s.upgrade(attacked, "-Sec-WebSocket-Version"), 400, "Sec-Websocket-Version: 13"},
	})
}

// Row 8.
func otherMethods(t *testing.T) {
	s := start(t, setup{})
	cases := []refusal{
		{"plain GET", s.upgrade(attacked, "-Upgrade", "-Connection"), 426, "Upgrade: websocket"},
		{"no Upgrade", s.upgrade(attacked, "-Upgrade"), 426, "Upgrade: websocket"},
		{"no Connection", s.upgrade(attacked, "-Connection"), 426, "Upgrade: websocket"},
		{"another protocol", s.upgrade(attacked, "Upgrade: h2c"), 426, "Upgrade: websocket"},
		{"Connection: close", s.upgrade(attacked, "Connection: close"), 426, "Upgrade: websocket"},
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"} {
		cases = append(cases, refusal{method, s.upgrade(method + " /attacked HTTP/1.1"), 405, ""})
	}
	s.refuse(t, cases)
	t.Run("HEAD", func(t *testing.T) { // its answer has no body, whatever its length says
		c := s.dial(t)
		c.put(s.upgrade("HEAD /attacked HTTP/1.1"))
		if resp := c.response(); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("got %s, want 405", resp.Status)
		}
		c.neverOpened()
	})
}
