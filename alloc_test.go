//go:build !race

// The race detector makes sync.Pool forget at random, so these numbers can only be held without it.

package wsgate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// connected opens one connection and returns the server's end of it, when its goroutine has nothing to do any more.
func connected(t testing.TB, opts *wsgate.Options, hooks *kit.Hooks, r wsgate.Route) *kit.Conn {
	t.Helper()
	opened := make(chan *kit.Conn, 1)
	hooks.Open = func(_ context.Context, c *kit.Conn) error {
		opened <- c
		return nil
	}
	app := kit.NewApp(t, opts, r)
	client := kit.Dial(t, app, r.Path)
	client.Say(`{"type":"?"}`) // comes back in one form or another, when the hook has returned
	client.Hear()
	return <-opened
}

// perMessage returns the allocations of one message's handling.
func perMessage(c wsgate.AnyConn, text string) float64 {
	m := wsgate.Text(text)
	return testing.AllocsPerRun(1000, func() { wsgate.Receive(c, m) })
}

func TestAllocationsOfMessages(t *testing.T) {
	received := 0
	pass := func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error { return next(ctx, c, in) }
	}
	for _, test := range []struct {
		name string
		opts *wsgate.Options
	}{
		{"bare", nil},
		{"middleware", &wsgate.Options{Use: []any{pass, pass}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
				received++
				if c.Data.Notes == nil { // the first
					c.Data.Notes = []string{}
					return c.Send(m)
				}
				return nil
			}}
			c := connected(t, test.opts, &g.Hooks, kit.RouteTo("/", g))
			before := received
			if got := perMessage(c, "hello"); got != 0 {
				t.Errorf("%v allocations for a message, want 0", got)
			}
			if received-before < 1000 {
				t.Errorf("%d messages were handled", received-before)
			}
		})
	}
}

type allocPayload struct {
	Room string   `json:"room"`
	N    int      `json:"n"`
	Tags []string `json:"tags"`
}

// extra is what an event may cost beside the decoding of its payload.
const extra = 2

func TestAllocationsOfEvents(t *testing.T) {
	received := 0
	g := &kit.EventGateway{Table: wsgate.Events[kit.Data]{
		wsgate.On(wsgate.Event[string]("string"), func(context.Context, *kit.Conn, string) error { received++; return nil }),
		wsgate.On(wsgate.Event[int]("int"), func(context.Context, *kit.Conn, int) error { received++; return nil }),
		wsgate.On(wsgate.Event[struct{}]("nothing"), func(context.Context, *kit.Conn, struct{}) error { received++; return nil }),
		wsgate.On(wsgate.Event[allocPayload]("struct"), func(context.Context, *kit.Conn, allocPayload) error { received++; return nil }),
		wsgate.On(wsgate.Event[map[string]int]("map"), func(context.Context, *kit.Conn, map[string]int) error { received++; return nil }),
		wsgate.Answer(wsgate.Call[int, int]("call"), func(_ context.Context, _ *kit.Conn, n int) (int, error) { received++; return n, nil }),
	}}
	c := connected(t, nil, &g.Hooks, kit.RouteTo("/", g))
	for _, test := range []struct {
		text    string
		decoded string     // what encoding/json has to decode in any case
		into    func() any // into what
	}{
		{`{"type":"string","data":"hello"}`, `"hello"`, func() any { return new(string) }},
		{`{"type":"int","data":7}`, `7`, func() any { return new(int) }},
		{`{"type":"nothing"}`, `{"type":"nothing"}`, func() any { return new(struct{}) }},
		{`{"type":"struct","room":"general","n":7,"tags":["a","b"]}`, `{"type":"struct","room":"general","n":7,"tags":["a","b"]}`, func() any { return new(allocPayload) }},
		{`{"type":"map","a":1,"b":2}`, `{"a":1,"b":2}`, func() any { return new(map[string]int) }},
		{`{"type":"call","data":7}`, `7`, func() any { return new(int) }},
	} {
		decoded := []byte(test.decoded)
		alone := testing.AllocsPerRun(1000, func() {
			if err := json.Unmarshal(decoded, test.into()); err != nil {
				t.Fatal(err)
			}
		})
		before := received
		got := perMessage(c, test.text)
		t.Logf("%s: %v allocations, encoding/json alone %v", test.text, got, alone)
		if got > alone+extra {
			t.Errorf("%s: %v allocations, want at most %v and %d", test.text, got, alone, extra)
		}
		if received-before < 1000 {
			t.Errorf("%d events were handled", received-before)
		}
	}
}

// deaf connects a client that reads and forgets what it is sent.
func deaf(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", addr)
	go io.Copy(io.Discard, c) // ends with the connection
}

func TestAllocationsOfEmitDoNotGrowWithReceivers(t *testing.T) {
	opened := make(chan *kit.Conn)
	g := &kit.EventGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
		err := c.Join("room")
		opened <- c
		return err
	}}}
	app := kit.NewApp(t, nil, kit.RouteTo("/", g))
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	to := []wsgate.Target{app.Hub(), app.Hub().At("/"), app.Hub().At("/").Room("room")}
	var conns []*kit.Conn
	allocations := func() (n [3]float64) {
		for i := range to {
			n[i] = testing.AllocsPerRun(100, func() {
				if err := sayText.Emit(to[i], "hello"); err != nil {
					t.Error(err)
				}
				for _, c := range conns {
					if err := c.Flush(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		return n
	}
	var one, many [3]float64
	for len(conns) < 200 {
		deaf(t, strings.TrimPrefix(server.URL, "http://"))
		conns = append(conns, <-opened)
		if len(conns) == 1 {
			one = allocations()
		}
	}
	many = allocations()
	t.Logf("hub, path, room: %v allocations for 1 receiver, %v for 200", one, many)
	for i := range to {
		if many[i] > one[i]+20 { // less than one in ten receivers: pools are emptied now and then
			t.Errorf("%T: %v allocations for 1 receiver, %v for 200", to[i], one[i], many[i])
		}
	}
}

func TestAllocationsOfEmitDoNotGrowWithRoutes(t *testing.T) {
	allocations := func(n int) float64 {
		var routes []wsgate.Route
		for i := range n {
			routes = append(routes, kit.RouteTo(fmt.Sprintf("/%d", i), &kit.EventGateway{}))
		}
		app := kit.NewApp(t, nil, routes...)
		return testing.AllocsPerRun(100, func() {
			if err := sayText.Emit(app.Hub(), "hello"); err != nil {
				t.Error(err)
			}
		})
	}
	one, many := allocations(1), allocations(50)
	t.Logf("hub: %v allocations for 1 route, %v for 50", one, many)
	if many > one+25 { // a message of its own for every route would be at least 50 more
		t.Errorf("%v allocations for 1 route, %v for 50", one, many)
	}
}

// A handshake with as much as a header can hold is refused before that costs anything, and is not quoted in the answer.
func TestAllocationsOfExcessiveHandshakes(t *testing.T) {
	const most = 16 << 10 // bytes for one request, the recorder included
	const size, requests = 32 << 10, 100
	app := kit.NewApp(t, &wsgate.Options{Compression: true}, kit.RouteTo("/ws", &kit.MessageGateway{}))
	many := strings.Repeat("a,", size/2)
	for name, value := range map[string]string{
		"Connection":               many + "Upgrade",
		"Upgrade":                  many + "websocket",
		"Origin":                   "http://" + strings.Repeat("\x01a", size/2),
		"Sec-Websocket-Key":        strings.Repeat("a", size),
		"Sec-Websocket-Version":    strings.Repeat("\x01", size),
		"Sec-Websocket-Protocol":   many,
		"Sec-Websocket-Extensions": "permessage-deflate" + strings.Repeat(";a", size/2),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			r := httptest.NewRequest("GET", "/ws", nil)
			r.Header = http.Header{
				"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
				"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
			}
			r.Header[name] = []string{value}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if w.Code != http.StatusRequestHeaderFieldsTooLarge || w.Body.Len() > 100 {
				t.Fatalf("%s: got status %d and %d bytes, want 431 in a line", name, w.Code, w.Body.Len())
			}
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / requests; got > most {
			t.Errorf("%s: a request allocates %d bytes, want at most %d", name, got, most)
		}
	}
}
