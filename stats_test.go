package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// statsOf returns the numbers of the route at "/".
func statsOf(app interface{ Stats() wsgate.Stats }) wsgate.RouteStats { return app.Stats().Routes["/"] }

func TestStatsOfTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &kit.EventGateway{
			Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { return c.Join("room") }},
			Table: wsgate.Events[kit.Data]{
				wsgate.On(wsgate.Event[string]("say"), func(_ context.Context, c *kit.Conn, text string) error {
					return wsgate.Event[string]("said").Emit(c.Room("room"), text)
				}),
			},
		}
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", g)}})
		var clients []*kit.RawClient
		for range 3 {
			c := kit.DialRaw(t, app, "/")
			go io.Copy(io.Discard, c.Conn) // ends with the connection
			clients = append(clients, c)
		}
		synctest.Wait()
		for range 5 {
			clients[0].Put(wire.Masked(wire.Text, []byte(`{"type":"say","data":"hi"}`)))
		}
		synctest.Wait()
		const arrives, leaves = uint64(2 + 4 + len(`{"type":"say","data":"hi"}`)), uint64(2 + len(`{"type":"said","data":"hi"}`))
		got := statsOf(app)
		if got.Writes == 0 || got.Writes > 15 {
			t.Errorf("%d writes, want 1 to 15", got.Writes)
		}
		got.Writes = 0
		want := wsgate.RouteStats{
			Connections: 3, Rooms: 1, Upgrades: map[int]uint64{101: 3, 500: 0, 503: 0}, Closed: got.Closed,
			Received: 5, ReceivedBytes: 5 * arrives, Sent: 15, SentBytes: 15 * leaves,
			Broadcasts: 5, Deliveries: 15,
			Events: map[string]map[wsgate.Code]uint64{"$other": {"": 0, wsgate.Internal: 0}, "say": {"": 5, wsgate.Internal: 0}},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}

		clients[0].Put(kit.CloseFrame(1000, ""))
		synctest.Wait()
		after := statsOf(app)
		if after.Connections != 2 || after.Received != 5 || after.Sent != 15 || after.SentBytes < want.SentBytes || after.ReceivedBytes < want.ReceivedBytes {
			t.Errorf("got %+v when a connection has ended, want its numbers to stay", after)
		}
	})
}

// Whenever the numbers are read while connections come and go, no counter goes back; and in the end they are those of the
// clients.
func TestStatsWhileConnectionsComeAndGo(t *testing.T) {
	const clients, rounds, messages = 8, 30, 10
	app := kit.NewApp(t, nil, kit.RouteTo("/", &kit.MessageGateway{}))
	stop, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		var last wsgate.RouteStats
		for {
			now := statsOf(app)
			for name, pair := range map[string][2]uint64{
				"Received": {last.Received, now.Received}, "ReceivedBytes": {last.ReceivedBytes, now.ReceivedBytes},
				"Sent": {last.Sent, now.Sent}, "SentBytes": {last.SentBytes, now.SentBytes}, "Writes": {last.Writes, now.Writes},
				"Upgrades": {last.Upgrades[101], now.Upgrades[101]}, "Closed": {last.Closed["client"][1000], now.Closed["client"][1000]},
			} {
				if pair[1] < pair[0] {
					t.Errorf("%s went from %d to %d", name, pair[0], pair[1])
				}
			}
			last = now
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range rounds {
				c := kit.Dial(t, app, "/")
				for range messages {
					c.Say("hello")
					c.Hear()
				}
				c.Close(websocket.StatusNormalClosure, "")
			}
		})
	}
	all.Wait()
	close(stop)
	<-read
	if err := app.End(); err != nil {
		t.Fatal(err)
	}
	got := statsOf(app)
	const want = clients * rounds * messages
	if got.Received != want || got.Sent != want || got.Events["$message"][""] != want {
		t.Errorf("%d received, %d sent, %d handled, want %d of each", got.Received, got.Sent, got.Events["$message"][""], want)
	}
	if opened, closed := got.Upgrades[101], got.Closed["client"][1000]; opened != clients*rounds || closed != opened || got.Connections != 0 {
		t.Errorf("%d opened, %d closed, %d there, want %d, %[4]d and none", opened, closed, got.Connections, clients*rounds)
	}
	// A frame has 2 bytes, and 4 more from a client; the close frame has 4.
	if in, out := got.ReceivedBytes, got.SentBytes; in != want*(6+5)+clients*rounds*8 || out != want*(2+5)+clients*rounds*4 {
		t.Errorf("%d bytes came and %d went", in, out)
	}
}

// What waits for a client that does not read is told, until the client is gone.
func TestStatsOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error { return c.All().Send(m) }}
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", g)}})
		c := kit.DialRaw(t, app, "/")
		for range 3 {
			c.Put(wire.Masked(wire.Text, []byte("hello")))
		}
		synctest.Wait()
		if got := statsOf(app); got.WaitingBytes != 3*(2+5) || got.Sent != 0 {
			t.Errorf("%d bytes wait and %d messages are sent, want 21 and none", got.WaitingBytes, got.Sent)
		}
		wstest.Pass(time.Minute)
		if got := statsOf(app); got.WaitingBytes != 0 || got.Closed["slow"][1006] != 1 {
			t.Errorf("%d bytes wait, and connections ended so: %v", got.WaitingBytes, got.Closed)
		}
	})
}

// closing is a gateway whose connections end in every way there is.
type closing struct{ kit.EventGateway }

func newClosing() *closing {
	g := &closing{}
	g.Open = func(_ context.Context, c *kit.Conn) error {
		switch c.Data.Name {
		case "denied":
			return wsgate.Errorf(wsgate.Denied, "no")
		case "leaves":
			return websocket.CloseError{Code: 4001, Reason: "no"}
		case "fails":
			return errors.New("broken")
		case "exceeds":
			<-time.After(time.Minute)
		}
		return nil
	}
	big := strings.Repeat("x", 1<<10)
	g.Table = wsgate.Events[kit.Data]{
		wsgate.On(wsgate.Event[struct{}]("panic"), func(context.Context, *kit.Conn, struct{}) error { panic("broken") }),
		wsgate.On(wsgate.Event[struct{}]("close"), func(_ context.Context, c *kit.Conn, _ struct{}) error {
			c.Close(4000, "")
			return nil
		}),
		kit.Fail("return", websocket.CloseError{Code: 4002}),
		wsgate.On(wsgate.Event[struct{}]("flood"), func(_ context.Context, c *kit.Conn, _ struct{}) error {
			for range 1000 {
				if err := c.Send(wsgate.Text(big)); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	return g
}

// Every cause is counted with its code, and nothing else is.
func TestStatsOfClosed(t *testing.T) {
	documented := documentedCauses(t)
	text := func(s string) []byte { return wire.Masked(wire.Text, []byte(s)) }
	counted := map[string]bool{}
	for _, test := range []struct {
		name   string
		limits wsgate.Limits
		dial   string
		end    func(app *wstest.App, c *kit.RawClient)
		cause  string
		code   websocket.StatusCode
	}{
		{name: "client", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(kit.CloseFrame(1000, "")) }, cause: "client", code: 1000},
		{name: "client without a code", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(wire.Masked(0x88, nil)) }, cause: "client", code: 1005},
		{name: "client with a code of its own", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(kit.CloseFrame(4321, "")) }, cause: "client"},
		{name: "application", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text(`{"type":"close"}`)) }, cause: "application", code: 4000},
		{name: "application, by an error", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text(`{"type":"return"}`)) }, cause: "application", code: 4002},
		{name: "Disconnect", end: func(app *wstest.App, _ *kit.RawClient) { app.Hub().Disconnect(context.Background(), 1000, "") }, cause: "application", code: 1000},
		{name: "denied", dial: "denied", cause: "refused", code: 1008},
		{name: "CloseError of OnOpen", dial: "leaves", cause: "refused", code: 4001},
		{name: "OnOpen fails", dial: "fails", cause: "internal", code: 1011},
		{name: "OnOpen takes long", dial: "exceeds", cause: "limit", code: 1013},
		{name: "panic", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text(`{"type":"panic"}`)) }, cause: "internal", code: 1011},
		{name: "lost", end: func(_ *wstest.App, c *kit.RawClient) { c.Close() }, cause: "lost", code: 1006},
		{name: "silent", end: func(_ *wstest.App, c *kit.RawClient) { go io.Copy(io.Discard, c.Conn) }, cause: "ping", code: 1013},
		{name: "malformed", end: func(_ *wstest.App, c *kit.RawClient) {
			for range 8 {
				c.Put(text("?"))
			}
		}, cause: "limit", code: 1008},
		{name: "too long", limits: wsgate.Limits{Message: 10}, end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text("more than ten")) }, cause: "limit", code: 1009},
		{name: "not masked", end: func(_ *wstest.App, c *kit.RawClient) { c.Put([]byte{0x81, 1, 'x'}) }, cause: "protocol", code: 1002},
		{name: "not UTF-8", end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text("\xff")) }, cause: "protocol", code: 1007},
		{name: "slow", limits: wsgate.Limits{QueueBytes: 1 << 12}, end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text(`{"type":"flood"}`)) }, cause: "slow", code: 1013},
		{name: "slow together", limits: wsgate.Limits{TotalQueueBytes: 1 << 14}, end: func(_ *wstest.App, c *kit.RawClient) { c.Put(text(`{"type":"flood"}`)) }, cause: "backlog", code: 1013},
		{name: "shutdown", end: func(app *wstest.App, _ *kit.RawClient) { app.Shutdown(context.Background()) }, cause: "shutdown", code: 1012},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", newClosing())}}, wstest.With(&wsgate.Options{Limits: test.limits}))
			c := kit.DialRaw(t, app, "/?name="+test.dial)
			synctest.Wait()
			if test.end != nil {
				test.end(app, c)
			}
			wstest.Pass(5 * time.Minute) // for what nobody answers
			checkClosed(t, app, test.cause, test.code)
			counted[test.cause] = true
			if codes := documented[test.cause]; !strings.Contains(codes, fmt.Sprint(int(test.code))) && !strings.Contains(codes, "any") {
				t.Errorf("docs/operations.md has cause %s with the codes %q, want %d", test.cause, codes, test.code)
			}
		})
	}
	kit.Bubble(t, "replaced", func(t *testing.T) {
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *seat { return new(seat) }}}},
			wstest.With(&wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true}))
		app.Dial("/")
		app.Dial("/")
		wstest.Pass(time.Minute)
		checkClosed(t, app, "replaced", wsgate.StatusReplaced)
		counted["replaced"] = true
	})
	kit.Bubble(t, "expired", func(t *testing.T) {
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *guarded { return new(guarded) }}}})
		app.Dial("/")
		wstest.Pass(time.Minute)
		checkClosed(t, app, "expired", wsgate.StatusExpired)
		counted["expired"] = true
	})
	for cause := range statsOf(emptyApp(t)).Closed {
		if !counted[cause] {
			t.Errorf("no connection of this test ends with the cause %q", cause)
		}
		if documented[cause] == "" {
			t.Errorf("docs/operations.md does not say what to do about connections that end with the cause %q", cause)
		}
		delete(documented, cause)
	}
	for cause := range documented {
		t.Errorf("docs/operations.md has the cause %q, which does not exist", cause)
	}
}

// documentedCauses returns the codes of each cause in the table of docs/operations.md.
func documentedCauses(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| cause | codes | why | what to do |\n")
	if !ok {
		t.Fatal("docs/operations.md has no table of causes")
	}
	causes := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			break
		}
		if name := strings.Trim(cells[1], " `-"); name != "" {
			causes[name] = cells[2]
		}
		if strings.TrimSpace(cells[4]) == "" {
			t.Errorf("docs/operations.md does not say what to do: %s", line)
		}
	}
	return causes
}

func emptyApp(t *testing.T) *kit.App {
	return kit.NewApp(t, nil, kit.RouteTo("/", &kit.MessageGateway{}))
}

func checkClosed(t *testing.T, app *wstest.App, cause string, code websocket.StatusCode) {
	t.Helper()
	for why, byCode := range statsOf(app).Closed {
		maps.DeleteFunc(byCode, func(_ websocket.StatusCode, n uint64) bool { return n == 0 })
		want := map[websocket.StatusCode]uint64{}
		if why == cause {
			want[code] = 1
		}
		if !maps.Equal(byCode, want) {
			t.Errorf("cause %s: got %v by code, want %v", why, byCode, want)
		}
	}
}

// guarded is a gateway whose sessions last for a second.
type guarded struct{}

type visit struct{ until time.Time }

func (v visit) ExpiresAt() time.Time { return v.until }

func (*guarded) OnUpgrade(*http.Request) (visit, error) {
	return visit{time.Now().Add(time.Second)}, nil
}
func (*guarded) OnMessage(context.Context, *wsgate.Conn[visit], wsgate.Message) error { return nil }

// seat is a gateway whose connections belong to one user.
type seat struct{}

type sitter struct{}

func (sitter) UserID() string { return "ann" }

func (*seat) OnUpgrade(*http.Request) (sitter, error)                               { return sitter{}, nil }
func (*seat) OnMessage(context.Context, *wsgate.Conn[sitter], wsgate.Message) error { return nil }

func TestStatsOfUpgrades(t *testing.T) {
	g := &kit.MessageGateway{}
	g.Upgrade = func(r *http.Request) (kit.Data, error) {
		if code := r.FormValue("code"); code != "" {
			return kit.Data{}, wsgate.Errorf(wsgate.Code(code), "no")
		}
		return kit.Data{}, nil
	}
	app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Connections: 1}}, kit.RouteTo("/", g))
	for _, code := range []wsgate.Code{wsgate.Denied, wsgate.Unauthenticated, wsgate.Denied, "made up"} {
		kit.DialRefused(t, app, "/?code="+strings.ReplaceAll(string(code), " ", "+"), nil)
	}
	kit.DialRefused(t, app, "/", http.Header{"Origin": {"https://elsewhere.example"}})
	kit.DialRefused(t, app, "/", http.Header{"Sec-Websocket-Protocol": {"none"}})
	app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	kit.Dial(t, app, "/")
	kit.DialRefused(t, app, "/", nil) // one too many
	want := map[int]uint64{101: 1, 400: 1, 401: 1, 403: 3, 426: 1, 500: 1, 503: 1}
	if got := statsOf(app).Upgrades; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What became of an event is counted by its name if the gateway has it, however many others clients make up.
func TestStatsOfEvents(t *testing.T) {
	synctest.Test(t, testStatsOfEvents)
}

func testStatsOfEvents(t *testing.T) {
	c := speakFast(t, kit.Echo[int]("echo"), kit.Fail("denied", wsgate.Errorf(wsgate.Denied, "no")),
		kit.Fail("broken", errors.New("broken")),
		wsgate.On(wsgate.Event[int]("make up"), func(_ context.Context, _ *kit.Conn, n int) error {
			return wsgate.Errorf(wsgate.Code(fmt.Sprint("code ", n)), "no")
		}))
	c.Asks(`{"type":"echo","id":1,"data":7}`, `{"type":"echo","id":1,"data":7}`)
	c.Asks(`{"type":"echo","id":1,"data":"x"}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of echo is a string, want a number"}`)
	for _, event := range []string{"denied", "broken", "broken"} {
		c.Say(fmt.Sprintf(`{"type":%q}`, event))
		c.Hear()
	}
	for i := range 10_000 {
		c.Say(fmt.Sprintf(`{"type":"invented %d"}`, i))
		c.Hear()
	}
	for i := range 1000 {
		c.Say(fmt.Sprintf(`{"type":"make up","data":%d}`, i))
		c.Hear()
	}
	c.Say("?")
	c.Hear()
	synctest.Wait()
	events := statsOf(c.App).Events
	made := events["make up"]
	delete(events, "make up")
	want := map[string]map[wsgate.Code]uint64{
		"echo":   {"": 1, wsgate.Invalid: 1, wsgate.Internal: 0},
		"denied": {"": 0, wsgate.Denied: 1, wsgate.Internal: 0},
		"broken": {"": 0, wsgate.Internal: 2},
		"$other": {"": 0, wsgate.UnknownEvent: 10_001, wsgate.Malformed: 1, wsgate.Internal: 0}, // with the one of Speak
	}
	if fmt.Sprint(events) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", events, want)
	}
	if len(made) > 103 || made["other"] != 900 {
		t.Errorf("%d codes, and %d for those beyond them; want 100 and 900", len(made), made["other"])
	}
}

// speakFast connects a client whose rate is not limited.
func speakFast(t *testing.T, bound ...wsgate.Binding[kit.Data]) *kit.Spoken {
	t.Helper()
	return kit.SpeakTo(t, kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: math.MaxInt}}, kit.RouteTo("/", &kit.EventGateway{Table: bound})))
}
