package wsgate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// counted is a payload that counts how often it is encoded.
type counted struct{ encoded *atomic.Int32 }

func (c counted) MarshalJSON() ([]byte, error) {
	c.encoded.Add(1)
	return []byte(`"x"`), nil
}

// countedFields is one whose own fields stand in the envelope.
type countedFields struct {
	Text counted `json:"text"`
}

func TestEmitEncodesOnce(t *testing.T) {
	opened := make(chan *kit.Conn, 100)
	g := &kit.EventGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
		defer func() { opened <- c }()
		return c.Join("room")
	}}}
	app := kit.NewApp(t, nil, kit.RouteTo("/a", g), kit.RouteTo("/b", g), kit.RouteTo("/c", g))
	var clients []*kit.Client
	var conns []*kit.Conn
	for i := range 30 {
		clients = append(clients, kit.Dial(t, app, []string{"/a", "/b", "/c"}[i%3]))
		conns = append(conns, <-opened)
	}
	for _, test := range []struct {
		name    string
		to      wsgate.Target
		reaches func(i int) bool
	}{
		{"Conn", conns[0], func(i int) bool { return i == 0 }},
		{"Room", conns[0].Room("room"), func(i int) bool { return i%3 == 0 }},
		{"All", conns[1].All(), func(i int) bool { return i%3 == 1 }},
		{"Except", conns[0].Room("room").Except(conns[0], conns[3], conns[1]), func(i int) bool { return i%3 == 0 && i != 0 && i != 3 }},
		{"At", app.Hub().At("/c"), func(i int) bool { return i%3 == 2 }},
		{"Hub", app.Hub(), func(int) bool { return true }},
		{"Nobody", conns[0].Room("empty"), func(int) bool { return false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n atomic.Int32
			if err := wsgate.Event[counted]("value").Emit(test.to, counted{&n}); err != nil {
				t.Error(err)
			}
			if err := wsgate.Event[countedFields]("object").Emit(test.to, countedFields{counted{&n}}); err != nil {
				t.Error(err)
			}
			if got := n.Load(); got != 2 {
				t.Errorf("two events were encoded %d times", got)
			}
			for i, c := range clients {
				if test.reaches(i) {
					c.Hears(`{"type":"value","data":"x"}`, `{"type":"object","text":"x"}`)
				}
			}
		})
	}
	for _, c := range clients { // nothing else came
		c.Say("?")
		c.Hears(`{"type":"error","code":"malformed","message":"Invalid JSON"}`)
	}
}

func TestEmitToRoutesWithDifferentEnvelopes(t *testing.T) {
	var routes []wsgate.Route
	g := &kit.EventGateway{}
	for i := range 12 {
		r := kit.RouteTo(fmt.Sprintf("/%d", i), g)
		r.Envelope.Type = []string{"", "event", "action"}[i%3]
		routes = append(routes, r)
	}
	app := kit.NewApp(t, nil, routes...)
	var clients []*kit.Client
	for i := range routes {
		clients = append(clients, kit.Dialed(t, app, routes[i].Path))
	}
	for range 10 {
		var n atomic.Int32
		if err := wsgate.Event[countedFields]("object").Emit(app.Hub(), countedFields{counted{&n}}); err != nil {
			t.Error(err)
		}
		if got := n.Load(); got != 1 {
			t.Errorf("the payload was encoded %d times for 3 envelopes", got)
		}
		for i, c := range clients {
			c.Hears(`{"` + []string{"type", "event", "action"}[i%3] + `":"object","text":"x"}`)
		}
	}
}

func TestEmitToUnknownPath(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/chat/{room}", &kit.EventGateway{}), kit.RouteTo("/alerts", &kit.EventGateway{}))
	for _, path := range []string{"", "/", "/chat/go", "/chat", "chat/{room}"} {
		room := app.Hub().At(path)
		for _, err := range []error{sayText.Emit(room, "x"), sayText.Emit(room.Room("x").Except(), "x"), room.Send(wsgate.Text("x"))} {
			kit.CheckText(t, kit.WellFormed(t, err), fmt.Sprintf("%q", path), "/chat/{room}", "/alerts")
		}
		if n := room.Len(); n != 0 {
			t.Errorf("%d connections at %q", n, path)
		}
		for range room.Conns() {
			t.Errorf("a connection at %q", path)
		}
	}
	if err := sayText.Emit(app.Hub().At("/alerts"), "x"); err != nil { // nobody is there
		t.Error(err)
	}
}

func TestZeroRoom(t *testing.T) {
	defer func() {
		if v := recover(); v != nil {
			t.Fatalf("panic: %v", v)
		}
	}()
	var room wsgate.Room
	for _, room := range []wsgate.Room{room, room.Room("x"), room.Except()} {
		if err := sayText.Emit(room, "x"); err == nil {
			t.Error("Emit to the zero Room returned nil")
		}
		if err := room.Send(wsgate.Text("x")); err == nil {
			t.Error("Send to the zero Room returned nil")
		}
		if n := room.Len(); n != 0 {
			t.Errorf("%d connections in the zero Room", n)
		}
		for range room.Conns() {
			t.Error("a connection in the zero Room")
		}
	}
}

// What a client chose for a key must not become a key of the envelope.
func TestEmitOfMapsWithReservedKeys(t *testing.T) {
	ask := wsgate.Answer(wsgate.Call[map[string]any, map[string]any]("echo back"), func(_ context.Context, _ *kit.Conn, in map[string]any) (map[string]any, error) {
		in, _ = in["in"].(map[string]any)
		return in, nil
	})
	nested := kit.SpeakIn(t, wsgate.Envelope{Data: "data"}, ask)
	flat := kit.Speak(t, ask)
	for _, key := range []string{"type", "id", "data", "Type"} {
		payload := map[string]any{key: "x", "a": 1}
		if err := wsgate.Event[map[string]any]("map").Emit(flat.App.Hub(), payload); err == nil {
			t.Errorf("Emit of a map with the key %q sent %s", key, flat.Hear())
		} else {
			kit.CheckText(t, kit.WellFormed(t, err), `"map"`, `"`+key+`"`)
		}
		flat.Say(`{"type":"echo back","id":7,"in":{"` + key + `":"x"}}`)
		if got := flat.Hear(); got != `{"type":"error","id":7,"code":"internal","message":"internal error"}` {
			t.Errorf("an answer with the key %q: got %s", key, got)
		}
		if err := wsgate.Event[map[string]any]("map").Emit(nested.App.Hub(), payload); err != nil {
			t.Errorf("nested: %v", err)
		} else if got := nested.Hear(); !strings.Contains(got, `"`+key+`":"x"`) {
			t.Errorf("nested: got %s", got)
		}
	}
}

// What goes out can be read back by the same rules.
func TestEmittedMessagesAreEnvelopes(t *testing.T) {
	flat := kit.Speak(t, kit.Echo[map[string]json.RawMessage]("fields"))
	for _, text := range []string{`"a":1,"ä":[1,{"b":null}],"\u2028":"\u2029"`, `"":0`} {
		flat.Say(`{"type":"fields","id":1,` + text + `}`)
		got := flat.Hear()
		if !json.Valid([]byte(got)) || !strings.HasPrefix(got, `{"type":"fields","id":1,`) {
			t.Errorf("got %s", got)
		}
		flat.Asks(got, got)
	}
}

func TestEmitFromManyGoroutines(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/", &kit.EventGateway{}))
	c := kit.Dialed(t, app, "/")
	const senders, each = 8, 100
	for s := range senders {
		go func() {
			for i := range each {
				if err := wsgate.Event[[2]int]("n").Emit(app.Hub(), [2]int{s, i}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	var next [senders]int
	for range senders * each {
		var m struct{ Data [2]int }
		if err := json.Unmarshal([]byte(c.Hear()), &m); err != nil {
			t.Fatal(err)
		}
		if s, i := m.Data[0], m.Data[1]; next[s] != i {
			t.Fatalf("sender %d: got %d, want %d", s, i, next[s])
		}
		next[m.Data[0]]++
	}
}
