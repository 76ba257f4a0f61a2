package wsgate_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// dialRawTCP makes the handshake over a socket and sends the bytes together with it.
func dialRawTCP(t testing.TB, addr, target string, early ...[]byte) *rawClient {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawClient{conn, t}
	c.handshake(target, early...)
	return c
}

// handshake makes a connection to the server a WebSocket, and sends the bytes together with it.
func (c *rawClient) handshake(target string, early ...[]byte) {
	c.t.Helper()
	c.SetDeadline(time.Now().Add(patience))
	request := "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := c.Write(append([]byte(request), bytes.Join(early, nil)...)); err != nil {
		c.t.Fatal(err)
	}
	for head := ""; !strings.HasSuffix(head, "\r\n\r\n"); { // byte by byte: what follows is the server's first frame
		var b [1]byte
		if _, err := c.Read(b[:]); err != nil {
			c.t.Fatal(err)
		}
		if head += string(b[:]); strings.HasSuffix(head, "\r\n") && strings.Count(head, "\r\n") == 1 && !strings.Contains(head, "101") {
			c.t.Fatalf("got %q", head)
		}
	}
}

// On a socket the close frame arrives as well, also if the client has sent more than anybody has read.
func TestCloseFrameArrivesOverSocket(t *testing.T) {
	more := bytes.Repeat(clientFrame(frameText, []byte("ignored")), 5000)
	tests := []struct {
		name string
		send []byte
		want string
	}{
		{"peer closes", closeFrame(1000, "bye"), "close 1000 bye"},
		{"peer closes with a code of its own", closeFrame(4321, ""), "close 4321 "},
		{"handler panics", clientFrame(frameText, []byte("panic")), "close 1011 internal error"},
		{"handler closes", clientFrame(frameText, []byte("close")), "close 4000 enough"},
		{"unmasked frame", []byte{frameText, 1, 'x'}, "close 1002 unmasked frame"},
		{"message too big", clientFrame(frameText, make([]byte, 1001)), "close 1009 message over 1000 bytes"},
		{"not UTF-8", clientFrame(frameText, []byte("\xff")), "close 1007 text is not UTF-8"},
	}
	for _, test := range tests {
		for _, tail := range [][]byte{nil, more} {
			t.Run(fmt.Sprintf("%s, %d bytes behind it", test.name, len(tail)), func(t *testing.T) {
				ends := make(chan error, 2)
				g := &messageGateway{
					testHooks: testHooks{close: func(_ context.Context, _ *testConn, err error) { ends <- err }},
					message: func(_ context.Context, c *testConn, m wsgate.Message) error {
						switch string(m.Data) {
						case "panic":
							panic("oh")
						case "close":
							return websocket.CloseError{Code: 4000, Reason: "enough"}
						}
						return c.Send(m)
					},
				}
				app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{Message: 1000}}, routeTo("/ws", g))
				c := dialRawTCP(t, overTCP(t, app), "/ws", clientFrame(frameText, []byte("early")))
				go c.Write(append(slices.Clone(test.send), tail...))
				var frames []string
				for {
					first, payload, err := c.frame()
					if err != nil {
						t.Fatalf("got %q and then %v, want %q", frames, err, test.want)
					}
					if frames = append(frames, describe(first, payload)); first == frameClose {
						break
					}
				}
				if want := []string{"text early", test.want}; !slices.Equal(frames, want) {
					t.Errorf("got %q, want %q", frames, want)
				}
				c.Close()
				receive(t, ends, "OnClose")
				if err := app.shutdown(); err != nil || len(ends) > 0 {
					t.Errorf("Shutdown: %v, OnClose ran %d times more", err, len(ends))
				}
			})
		}
	}
}

// Closing a socket with unread input resets it, and a reset throws away what the client has not read yet: the reason for
// which it was thrown out.
func TestNoResetOvertakesTheCloseFrame(t *testing.T) {
	proceed, ends := make(chan struct{}), make(chan error, 1)
	g := &messageGateway{
		testHooks: testHooks{close: func(_ context.Context, _ *testConn, err error) { ends <- err }},
		message:   func(context.Context, *testConn, wsgate.Message) error { <-proceed; return nil },
	}
	unmasked := []byte{frameText, 1, 'x'}
	more := bytes.Repeat(clientFrame(frameText, []byte("ignored")), 5000)
	c := dialRawTCP(t, overTCP(t, newApp(t, nil, routeTo("/ws", g))), "/ws", clientFrame(frameText, nil))
	c.put(unmasked, more) // all of it is on its way before the server looks at it
	close(proceed)
	receive(t, ends, "OnClose")
	if first, payload, err := c.frame(); err != nil || describe(first, payload) != "close 1002 unmasked frame" {
		t.Errorf("got %q, %v, want the close frame", describe(first, payload), err)
	}
}

// Frames that come with the handshake, in one piece or byte by byte, are the same messages.
func TestAnySplitIsTheSame(t *testing.T) {
	frames := bytes.Join([][]byte{
		clientFrame(frameText, []byte("one")), clientFrame(0x01, []byte("t")), clientFrame(framePing, []byte("p")), clientFrame(0x80, []byte("wo")),
		clientFrame(frameBinary, bytes.Repeat([]byte("3"), 300)), clientFrame(frameText, nil), closeFrame(1000, ""),
	}, nil)
	want := []string{"text one", "pong p", "text two", "binary " + strings.Repeat("3", 300), "text ", "close 1000 "}
	app := newApp(t, nil, routeTo("/ws", &messageGateway{}))
	addr := overTCP(t, app)
	check := func(t *testing.T, c *rawClient) {
		t.Helper()
		got := c.gone(patience)
		// A pong goes through the same queue, but when is the parser's business.
		sort := func(s []string) []string {
			return append(slices.DeleteFunc(slices.Clone(s), func(f string) bool { return f == "pong p" }), "pong p")
		}
		if !slices.Equal(sort(got), sort(want)) || !slices.Contains(got, "pong p") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(t, dialRawTCP(t, addr, "/ws", frames))
	for cut := range len(frames) {
		c := dialRaw(t, app, "/ws")
		go func() {
			c.SetWriteDeadline(time.Now().Add(patience))
			c.Write(frames[:cut])
			c.Write(frames[cut:])
		}()
		check(t, c)
	}
	c := dialRaw(t, app, "/ws")
	go func() {
		c.SetWriteDeadline(time.Now().Add(patience))
		for i := range frames {
			c.Write(frames[i : i+1])
		}
	}()
	check(t, c)
}

// A message is its handler's for ever: what arrives later does not change it.
func TestMessagesMayBeKept(t *testing.T) {
	const count = 500
	var kept []wsgate.Message
	app := newApp(t, nil, routeTo("/ws", &messageGateway{message: func(_ context.Context, c *testConn, m wsgate.Message) error {
		if kept = append(kept, m); len(kept) == count {
			return c.Send(wsgate.Text("all"))
		}
		return nil
	}}))
	c := dialRawTCP(t, overTCP(t, app), "/ws")
	for i := range count {
		c.put(clientFrame(frameText, []byte(strings.Repeat(strconv.Itoa(i), 50))))
	}
	if _, payload, err := c.readFrame(); err != nil || string(payload) != "all" {
		t.Fatalf("got %q, %v", payload, err)
	}
	for i, m := range kept {
		if string(m.Data) != strings.Repeat(strconv.Itoa(i), 50) {
			t.Fatalf("message %d is %q now", i, m.Data)
		}
	}
}

// Many senders to many receivers: each receiver gets everything once, and each sender's in order.
func TestBroadcastToMany(t *testing.T) {
	const receivers, senders, each = 140, 3, 20
	for _, transport := range transports[:2] {
		t.Run(transport.name, func(t *testing.T) {
			opened := make(chan struct{}, receivers)
			g := &messageGateway{
				testHooks: testHooks{open: func(_ context.Context, c *testConn) error {
					defer func() { opened <- struct{}{} }()
					return c.Join("even", "all")
				}},
				message: func(_ context.Context, c *testConn, m wsgate.Message) error {
					return c.Room("all").Send(m) // a sender by its own handler
				},
			}
			app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueMessages: senders * each * 2}}, routeTo("/ws", g))
			connect := transport.connect(t, app)
			var reading sync.WaitGroup
			var talker *testClient
			for range receivers {
				c := connect("/ws")
				talker = c
				reading.Go(func() {
					next := [senders + 1]int{}
					for range (senders + 1) * each {
						from, number, _ := strings.Cut(c.hear(), " ")
						sender, err := strconv.Atoi(from)
						if n, err2 := strconv.Atoi(number); err != nil || err2 != nil || n != next[sender] {
							t.Errorf("got %q from sender %q, want %d", number, from, next[sender])
							return
						}
						next[sender]++
					}
				})
			}
			for range receivers {
				receive(t, opened, "OnOpen")
			}
			var sending sync.WaitGroup
			for sender := range senders {
				sending.Go(func() {
					for n := range each {
						to := app.Hub().At("/ws").Room("all")
						if n%2 == 0 {
							to = app.Hub().At("/ws").Room("even")
						}
						if err := to.Send(wsgate.Text(fmt.Sprint(sender, n))); err != nil {
							t.Errorf("Send: %v", err)
						}
					}
				})
			}
			sending.Go(func() {
				for n := range each {
					talker.say(fmt.Sprint(senders, n))
				}
			})
			sending.Wait()
			reading.Wait()
			if n := app.Hub().Len(); n != receivers {
				t.Errorf("%d connections are left of %d", n, receivers)
			}
		})
	}
}

// App.Handle and HTTP middleware see ordinary requests and upgrades.
func TestOrdinaryHTTPBesideGateways(t *testing.T) {
	var seen journal
	wrap := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.add("%s %s", name, r.URL.Path)
				next.ServeHTTP(w, r)
			})
		}
	}
	app := newApp(t, &wsgate.Options{HTTP: []any{wrap("A"), wrap("B")}}, routeTo("/ws", &messageGateway{}))
	if err := app.Handle("GET /health", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })); err != nil {
		t.Fatal(err)
	}
	if err := app.Handle("GET /health", http.NotFoundHandler()); err == nil {
		t.Error("a pattern that is taken is taken again")
	}
	if err := app.Handle("/ws", http.NotFoundHandler()); err == nil {
		t.Error("a gateway's path is taken again")
	}
	addr := overTCP(t, app)
	c := dialTCP(t, addr, "/ws")
	c.say("x")
	c.hears("x")
	c.CloseNow()
	resp, err := http.Get("http://" + addr + "/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("got status %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	seen.want(t, "A /ws", "B /ws", "A /health", "B /health")
}
