package wsgate_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

const said wsgate.Event[line] = "said"

// A path that no route has is a mistake, and not nobody.
func TestUnknownPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws/{room}", &kit.MessageGateway{}), kit.RouteTo("/other", &kit.MessageGateway{}))
		kit.Dial(t, app, "/ws/go")
		synctest.Wait()
		for _, path := range []string{"/nowhere", "/ws/go", "/ws/{room}/", "", "/WS/{room}"} {
			for _, room := range []wsgate.Room{app.Hub().At(path), app.Hub().At(path).Room("r"), app.Hub().At(path).Room("r").Except()} {
				for _, err := range []error{room.Send(wsgate.Text("x")), said.Emit(room, line{})} {
					if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", path)) || !strings.Contains(err.Error(), "/ws/{room}") {
						t.Errorf("sending to %q: %v, want an error with that path and the known ones", path, err)
					}
				}
				if n := room.Len() + len(slices.Collect(room.Conns())); n != 0 {
					t.Errorf("%q has %d connections", path, n)
				}
			}
		}
		if err := app.Hub().At("/ws/{room}").Send(wsgate.Text("x")); err != nil {
			t.Errorf("a path as it was registered: %v", err)
		}
	})
}

// An event for everybody is encoded for each envelope, a message goes to everybody as it is.
func TestHubReachesEveryRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		envelopes := map[string]wsgate.Envelope{
			"/flat":   {},
			"/again":  {},
			"/nested": {Type: "event", Data: "data"},
			"/action": {Type: "action"},
		}
		want := map[string]string{
			"/flat":   `{"type":"said","from":"ann","text":"<hi>"}`,
			"/again":  `{"type":"said","from":"ann","text":"<hi>"}`,
			"/nested": `{"event":"said","data":{"from":"ann","text":"<hi>"}}`,
			"/action": `{"action":"said","from":"ann","text":"<hi>"}`,
		}
		var routes []wsgate.Route
		for path, envelope := range envelopes {
			rt := kit.RouteTo(path, &kit.MessageGateway{})
			rt.Envelope = envelope
			routes = append(routes, rt)
		}
		app := kit.NewApp(t, nil, routes...)
		clients := map[string]*kit.Client{}
		for path := range envelopes {
			clients[path] = kit.Dial(t, app, path)
		}
		synctest.Wait()
		hub := app.Hub()
		if err := said.Emit(hub, line{"ann", "<hi>"}); err != nil {
			t.Error(err)
		}
		if err := hub.Send(wsgate.Binary([]byte{1, 2})); err != nil {
			t.Error(err)
		}
		for path, c := range clients {
			if got := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(c.Hear()); got != want[path] {
				t.Errorf("%s got %s, want %s", path, got, want[path])
			}
			if typ, data, err := c.Read(t.Context()); typ != websocket.MessageBinary || string(data) != "\x01\x02" || err != nil {
				t.Errorf("%s got %v %q %v", path, typ, data, err)
			}
		}
		if n, m := hub.Len(), len(slices.Collect(hub.Conns())); n != 4 || m != 4 {
			t.Errorf("the hub has %d connections and lists %d, want 4", n, m)
		}
		for range hub.Conns() {
			break // may be left early
		}
		for range hub.At("/flat").Conns() {
			break
		}
	})
}

// A client that negotiated compression and one that did not get the same of a broadcast, and may send what they like.
func TestCompression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := &wsgate.Options{Compression: true, Limits: wsgate.Limits{Message: 50_000}}
		app := kit.NewApp(t, opts, kit.RouteTo("/ws", &kit.MessageGateway{}), eventRoute(new(kit.Journal)))
		var clients []*kit.Client
		for _, mode := range []websocket.CompressionMode{websocket.CompressionDisabled, websocket.CompressionNoContextTakeover, websocket.CompressionContextTakeover} {
			c, _, err := websocket.Dial(t.Context(), "ws://"+memory.Host+"/ws", &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: memory.Transport{Handler: app}}, CompressionMode: mode, CompressionThreshold: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			clients = append(clients, kit.NewClient(t, c))
		}
		synctest.Wait()
		for _, text := range []string{strings.Repeat("x", 10_000), "", "short", strings.Repeat("ü", 20_000)} {
			app.Hub().Send(wsgate.Text(text))
			for _, c := range clients {
				c.Hears(text)
				c.Say(text)
				c.Hears(text)
			}
		}
		for _, c := range clients { // the limit is on what a message unpacks to
			go c.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", 50_001)))
			if _, end := c.Rest(); end.Code != websocket.StatusMessageTooBig {
				t.Errorf("got end %v, want 1009", end)
			}
		}
	})
}

// A connection is listed from before its OnOpen until after its OnClose.
func TestListedFromOpenToClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened kit.Journal
		var app *kit.App
		note := func(what string, c *kit.Conn) {
			happened.Add("%s %d %d %t", what, app.Hub().Len(), c.All().Len(), slices.Contains(slices.Collect(app.Hub().Conns()), wsgate.AnyConn(c)))
		}
		app = kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
			Open:  func(_ context.Context, c *kit.Conn) error { note("open", c); return nil },
			Close: func(_ context.Context, c *kit.Conn, _ error) { note("close", c) },
		}}))
		c := kit.Dial(t, app, "/ws")
		c.Close(websocket.StatusNormalClosure, "")
		synctest.Wait()
		happened.Add("after %d", app.Hub().Len())
		happened.Want(t, "open 1 1 true", "close 1 1 true", "after 0")
	})
}

// What a connection says of itself.
func TestConnKnowsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := kit.RouteTo("/ws/{room}", &kit.MessageGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
			return c.Send(wsgate.Text(strings.Join([]string{c.Path(), strings.TrimRight(c.RemoteAddr(), "0123456789"), c.Subprotocol(), fmt.Sprint(len(c.ID()) > 15)}, " ")))
		}}})
		rt.Subprotocols = []string{"v2", "v1"}
		app := kit.NewApp(t, nil, rt)
		c := kit.DialWith(t, app, "/ws/go", http.Header{"Sec-Websocket-Protocol": {"v0, v1"}})
		c.Hears("/ws/{room} pipe  v1 true")
		other := kit.DialWith(t, app, "/ws/go", nil)
		other.Hears("/ws/{room} pipe   true")
		ids := map[string]bool{}
		for c := range app.Hub().Conns() {
			ids[c.ID()] = true
		}
		if len(ids) != 2 {
			t.Errorf("got ids %v, want two", ids)
		}
		if resp := kit.DialRefused(t, app, "/ws/go", http.Header{"Sec-Websocket-Protocol": {"v3"}}); resp.StatusCode != 400 {
			t.Errorf("got status %d for an unknown subprotocol, want 400", resp.StatusCode)
		}
		for _, none := range []string{"", " , "} {
			raw, resp, err := memory.DialRaw(app, "/ws/go", http.Header{"Sec-Websocket-Protocol": {none}})
			if err != nil || resp.Header.Get("Sec-Websocket-Protocol") != "" {
				t.Errorf("offering %q: got %v, %v, want a connection without a subprotocol", none, resp, err)
				continue
			}
			raw.Close()
		}
	})
}

// What cannot stand on the wire is refused, before it breaks the connection of whoever gets it.
func TestSendRefusesWhatNoFrameCanHold(t *testing.T) {
	for _, test := range []struct {
		name string
		m    wsgate.Message
	}{
		{"no type", wsgate.Message{Data: []byte("x")}},
		{"a close frame's type", wsgate.Message{Type: 8}},
		{"an unknown type", wsgate.Message{Type: 99}},
		{"text that is not UTF-8", wsgate.Text("\xff")},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			cr := gather(t, wsgate.Limits{}, "ann")
			c := cr.conns["ann"]
			for _, to := range []wsgate.Target{c, c.All(), cr.app.Hub()} {
				if err := to.Send(test.m); err == nil {
					t.Errorf("%T: no error", to)
				}
			}
			if got := cr.delivered(t); len(got) > 0 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A close code that must not stand in a frame (RFC 6455 section 7.4) does not get onto the wire.
func TestCloseCodes(t *testing.T) {
	for _, code := range []websocket.StatusCode{0, 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535, -1, 70000} {
		kit.Bubble(t, fmt.Sprint(int(code)), func(t *testing.T) {
			cr := gather(t, wsgate.Limits{}, "ann")
			cr.conns["ann"].Close(code, "why")
			if _, end := cr.clients["ann"].Rest(); end.Code != websocket.StatusInternalError || end.Reason != "why" {
				t.Errorf("the client got %v, want 1011", end)
			}
		})
	}
	kit.Bubble(t, "the reason is cut, and is UTF-8", func(t *testing.T) {
		for _, reason := range []string{strings.Repeat("ü", 100), "x\xff"} {
			cr := gather(t, wsgate.Limits{}, "ann")
			cr.conns["ann"].Close(4000, reason)
			if _, end := cr.clients["ann"].Rest(); end.Code != 4000 || !strings.HasPrefix(strings.Repeat("ü", 100)+"x", end.Reason) && !strings.HasPrefix(end.Reason, "x") || strings.ContainsRune(end.Reason, '\xff') {
				t.Errorf("the client got %v", end)
			}
		}
	})
}

// Where nobody can be, by a mistake in the program, sending is an error. As it may be dropped, and as Len and Conns have
// none, the log has it as well: once for each line.
func TestMistakesOfWhereToSend(t *testing.T) {
	var log bytes.Buffer
	build := func(routes ...wsgate.Route) *wsgate.Hub {
		app, err := wsgate.New(&wsgate.Module{Gateways: routes}, &wsgate.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { app.Shutdown(context.Background()) })
		return app.Hub()
	}
	hub := build(kit.RouteTo("/ws", &kit.MessageGateway{}))
	users := build(kit.RouteTo("/ws", &kit.MessageGateway{}), wsgate.Route{Path: "/users", New: func() *userGateway { return &userGateway{} }})
	for _, test := range []struct {
		name, where string
		use         func()
		want        []string
	}{
		{"At", kit.At("at nowhere"), func() {
			hub.At("/nowhere").Send(wsgate.Text("hello")) // at nowhere
		}, []string{"Hub.At of a path that no route has", "/nowhere", "there are /ws"}},
		{"Len", kit.At("len of nowhere"), func() {
			if n := hub.At("/nowhere").Room("x").Len(); n != 0 { // len of nowhere
				t.Errorf("%d connections nowhere", n)
			}
		}, []string{"Hub.At of a path that no route has"}},
		{"User", kit.At("nobody"), func() {
			hub.User("ann").Send(wsgate.Text("hello")) // nobody
		}, []string{"Hub.User without users", "UserID() string"}},
		{"User.Len", kit.At("len of nobody"), func() {
			if n := hub.User("ann").Len(); n != 0 { // len of nobody
				t.Errorf("%d connections of nobody", n)
			}
		}, []string{"Hub.User without users"}},
		{"User.At", kit.At("no user there"), func() {
			users.User("ann").At("/ws").Send(wsgate.Text("hello")) // no user there
		}, []string{"Hub.User of a route without users", "/ws"}},
		{"User.At.Room", kit.At("room of a user"), func() {
			users.User("ann").At("/users").Room("x").Send(wsgate.Text("hello")) // room of a user
		}, []string{"a room of a user's connections"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log.Reset()
			for range 3 {
				test.use()
			}
			kit.CheckText(t, log.String(), append(test.want, "level=ERROR", "caller="+test.where)...)
			if lines := strings.Count(log.String(), "\n"); lines != 1 {
				t.Errorf("got %d lines, want one:\n%s", lines, log.String())
			}
		})
	}
	log.Reset()
	users.At("/users").Len()
	users.User("ann").Len()
	users.User("ann").At("/users").Send(wsgate.Text("hello"))
	hub.At("/ws").Room("x").Send(wsgate.Text("hello"))
	if log.Len() > 0 {
		t.Errorf("what is right is logged:\n%s", log.String())
	}
}

// userGateway is a gateway whose connections belong to users.
type userGateway struct{}

type userData string

func (u userData) UserID() string { return string(u) }

func (*userGateway) OnClose(context.Context, *wsgate.Conn[userData], error) {}
