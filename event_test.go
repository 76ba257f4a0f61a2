package wsgate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type roomName struct {
	Room string `json:"room"`
}

type chatLine struct {
	From string `json:"from"`
	Text string `json:"text"`
}

type historyQuery struct {
	Limit int `json:"limit"`
}

const (
	joinRoom   wsgate.Event[roomName]                = "join"
	sayText    wsgate.Event[string]                  = "say"
	saidLine   wsgate.Event[chatLine]                = "said"
	askHistory wsgate.Call[historyQuery, []chatLine] = "history"
	askLatest  wsgate.Call[historyQuery, chatLine]   = "latest"
	sendCounts wsgate.Event[map[string]int]          = "counts"
	tickTock   wsgate.Event[struct{}]                = "tick"
)

// chatTable is a gateway with one of every kind.
func chatTable() []wsgate.Binding[kit.Data] {
	return []wsgate.Binding[kit.Data]{
		wsgate.On(joinRoom, func(_ context.Context, c *kit.Conn, in roomName) error { return c.Join(in.Room) }),
		wsgate.On(sayText, func(_ context.Context, c *kit.Conn, text string) error {
			return saidLine.Emit(c.Room(c.Rooms()[0]), chatLine{"ann", text})
		}),
		wsgate.On(tickTock, func(_ context.Context, c *kit.Conn, _ struct{}) error {
			return errors.Join(tickTock.Emit(c, struct{}{}), sendCounts.Emit(c, map[string]int{"b": 2, "a": 1}), sayText.Emit(c, "tock"))
		}),
		wsgate.Answer(askHistory, func(_ context.Context, _ *kit.Conn, in historyQuery) ([]chatLine, error) {
			if in.Limit > 100 {
				return nil, wsgate.Errorf(wsgate.Invalid, "at most %d lines, not %d", 100, in.Limit)
			}
			return []chatLine{{"ann", "hello"}}, nil
		}),
		wsgate.Answer(askLatest, func(context.Context, *kit.Conn, historyQuery) (chatLine, error) { return chatLine{"ann", "hello"}, nil }),
	}
}

func TestFlatEnvelope(t *testing.T) {
	c := kit.Speak(t, chatTable()...)
	c.Say(`{"type":"join","room":"general"}`)
	c.Asks(`{"type":"say","data":"hello"}`, `{"type":"said","from":"ann","text":"hello"}`)
	c.Asks(`{"type":"history","id":7,"limit":10}`, `{"type":"history","id":7,"data":[{"from":"ann","text":"hello"}]}`)
	c.Asks(`{"type":"latest","id":8,"limit":10}`, `{"type":"latest","id":8,"from":"ann","text":"hello"}`)
	c.Asks(`{"type":"history","id":7,"limit":500}`, `{"type":"error","id":7,"code":"invalid","message":"at most 100 lines, not 500"}`)
	c.Asks(`{"type":"history","limit":500}`, `{"type":"error","code":"invalid","message":"at most 100 lines, not 500"}`)
	c.Asks(`{"type":"join","id":"j","room":"other"}`, `{"type":"join","id":"j"}`)
	c.Say(`{"type":"tick"}`)
	c.Hears(`{"type":"tick"}`, `{"type":"counts","a":1,"b":2}`, `{"type":"say","data":"tock"}`)
	c.Say(`{"type":"history","limit":10}`) // nobody waits for the answer
	c.Silent()
	c.Logged(0)
}

func TestNestedEnvelope(t *testing.T) {
	c := kit.SpeakIn(t, wsgate.Envelope{Type: "event", Data: "data"}, chatTable()...)
	c.Say(`{"event":"join","data":{"room":"general"}}`)
	c.Asks(`{"event":"say","data":"hello"}`, `{"event":"said","data":{"from":"ann","text":"hello"}}`)
	c.Asks(`{"event":"history","id":7,"data":{"limit":10}}`, `{"event":"history","id":7,"data":[{"from":"ann","text":"hello"}]}`)
	c.Asks(`{"data":{"limit":10},"id":8,"event":"latest"}`, `{"event":"latest","id":8,"data":{"from":"ann","text":"hello"}}`)
	c.Asks(`{"event":"history","id":7,"data":{"limit":500}}`, `{"event":"error","id":7,"data":{"code":"invalid","message":"at most 100 lines, not 500"}}`)
	c.Asks(`{"event":"join","id":"j","data":{"room":"other"}}`, `{"event":"join","id":"j"}`)
	c.Say(`{"event":"tick"}`)
	c.Hears(`{"event":"tick","data":{}}`, `{"event":"counts","data":{"a":1,"b":2}}`, `{"event":"say","data":"tock"}`)
	c.Asks(`hello`, `{"event":"error","data":{"code":"malformed","message":"Invalid JSON"}}`)
	c.Asks(`{"type":"tick"}`, `{"event":"error","data":{"code":"malformed","message":"message has no \"event\""}}`)
}

func TestRenamedEnvelope(t *testing.T) {
	c := kit.SpeakIn(t, wsgate.Envelope{Type: "action", ID: "seq"}, chatTable()...)
	c.Say(`{"action":"join","room":"general"}`)
	c.Asks(`{"action":"say","data":"hello"}`, `{"action":"said","from":"ann","text":"hello"}`)
	c.Asks(`{"action":"latest","seq":8,"id":9,"limit":10}`, `{"action":"latest","seq":8,"from":"ann","text":"hello"}`)
	c.Asks(`{"action":"nothing","seq":8}`, `{"action":"error","seq":8,"code":"unknown_event","message":"unknown event \"nothing\""}`)
	c.Asks(`{"type":"say"}`, `{"action":"error","code":"malformed","message":"message has no \"action\""}`)
	c.Asks(`{"Action":"say"}`, `{"action":"error","code":"malformed","message":"unknown key \"Action\", keys are case-sensitive"}`)
}

func TestRouteEnvelopeReplacesTheApps(t *testing.T) {
	table := &kit.EventGateway{Table: chatTable()}
	own := kit.RouteTo("/own", table)
	own.Envelope = wsgate.Envelope{Type: "action"}
	app := kit.NewApp(t, &wsgate.Options{Envelope: wsgate.Envelope{Type: "event", Data: "data"}}, kit.RouteTo("/", table), own)
	for _, test := range []struct{ target, sent, want string }{
		{"/", `{"event":"latest","id":1}`, `{"event":"latest","id":1,"data":{"from":"ann","text":"hello"}}`},
		{"/own", `{"action":"latest","id":1}`, `{"action":"latest","id":1,"from":"ann","text":"hello"}`},
	} {
		c := kit.Dial(t, app, test.target)
		c.Say(test.sent)
		c.Hears(test.want)
	}
	// One event for everybody has each route's form.
	a, b := kit.Dialed(t, app, "/"), kit.Dialed(t, app, "/own")
	if err := saidLine.Emit(app.Hub(), chatLine{"ann", "hi"}); err != nil {
		t.Fatal(err)
	}
	a.Hears(`{"event":"said","data":{"from":"ann","text":"hi"}}`)
	b.Hears(`{"action":"said","from":"ann","text":"hi"}`)
}

func TestIDs(t *testing.T) {
	c := kit.Speak(t, kit.Give("ask", 1), wsgate.On(tickTock, func(context.Context, *kit.Conn, struct{}) error { return nil }))
	for _, id := range []string{
		`0`, `-0`, `7`, `-7`, `1.50`, `1e3`, `1E+3`, `0.1e-12`, `12345678901234567890123`, strings.Repeat("9", 64), "-" + strings.Repeat("9", 63),
		`""`, `"a"`, `"ä"`, `"\u00e4"`, `"\u0000"`, `"a\/b"`, `"\""`, `"null"`, `"` + strings.Repeat("x", 62) + `"`,
	} {
		c.Asks(`{"type":"ask","id":`+id+`}`, `{"type":"ask","id":`+id+`,"data":1}`)
		c.Asks(`{"id" : `+id+` , "type":"tick"}`, `{"type":"tick","id":`+id+`}`)
		c.Asks(`{"id":`+id+`,"type":"x"}`, `{"type":"error","id":`+id+`,"code":"unknown_event","message":"unknown event \"x\""}`)
		c.Asks(`{"id":`+id+`}`, `{"type":"error","id":`+id+`,"code":"malformed","message":"message has no \"type\""}`)
	}
	for _, id := range []string{
		`null`, `true`, `false`, `{}`, `[]`, `[1]`, `{"a":1}`, strings.Repeat("9", 65), `"` + strings.Repeat("x", 63) + `"`, `"` + strings.Repeat("x", 60<<10) + `"`,
		`"` + strings.Repeat("ä", 32) + `"`,
	} {
		c.Asks(`{"type":"ask","id":`+id+`}`, `{"type":"error","code":"malformed","message":"id is not a number or string of at most 64 bytes"}`)
		c.Asks(`{"type":"tick","id":1}`, `{"type":"tick","id":1}`)
	}
	c.Say(`{"type":"tick"}`)
	c.Silent()
}

func TestEventNamesThatClientsSend(t *testing.T) {
	c := kit.Speak(t, kit.Echo[int]("a"), kit.Echo[int]("ä b"), kit.Echo[int](`"\/`))
	c.Asks(`{"type":"\u0061","id":1,"data":2}`, `{"type":"a","id":1,"data":2}`)
	c.Asks(`{"type":"\u00e4 b","id":1,"data":2}`, `{"type":"ä b","id":1,"data":2}`)
	c.Asks(`{"type":"\"\\/","id":1,"data":2}`, `{"type":"\"\\/","id":1,"data":2}`)
	for _, name := range []string{`A`, `a `, ` a`, ``, `error`, `$x`, `__proto__`, `аa`, `\u0000`, `\ud800`, `a\nb`} {
		c.Say(`{"type":"` + name + `","id":1}`)
		var answer struct {
			Type, Code, Message string
			ID                  int
		}
		text := c.Hear()
		if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Type != "error" || answer.Code != "unknown_event" || answer.ID != 1 {
			t.Errorf("%s: got %s, %v", name, text, err)
		}
	}
	for _, typ := range []string{`1`, `null`, `true`, `["a"]`, `{"a":1}`} {
		c.Asks(`{"type":`+typ+`,"id":1}`, `{"type":"error","id":1,"code":"malformed","message":"\"type\" is not a string"}`)
	}
	c.Logged(0)
}

// A long name comes back in the answer, but not the whole of it.
func TestUnknownEventAnswerIsShort(t *testing.T) {
	c := kit.Speak(t)
	c.Say(`{"type":"` + strings.Repeat("x", 60<<10) + `","id":1}`)
	if answer := c.Hear(); len(answer) > 1<<10 || !strings.Contains(answer, `"id":1`) || !strings.Contains(answer, `"unknown_event"`) {
		t.Errorf("got %d bytes: %.200s…", len(answer), answer)
	}
}

type point struct{ X, Y int }

func (p point) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprintf("%d,%d", p.X, p.Y)) }

func (p *point) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if _, err := fmt.Sscanf(text, "%d,%d", &p.X, &p.Y); err != nil {
		return wsgate.Errorf(wsgate.Invalid, "a point looks like 1,2")
	}
	return nil
}

// pair marshals itself as an object.
type pair struct{ a, b int }

func (p pair) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int{"a": p.a, "b": p.b}) }

func (p *pair) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &struct{ A, B *int }{&p.a, &p.b})
}

type inner struct {
	Text string `json:"text"`
}

type composed struct {
	inner
	historyQuery
	Sub    inner           `json:"sub"`
	Opt    *inner          `json:"opt,omitempty"`
	Tags   []string        `json:"tags,omitempty"`
	Extra  map[string]any  `json:"extra,omitempty"`
	Raw    json.RawMessage `json:"raw,omitempty"`
	At     time.Time       `json:"at,omitzero"`
	Secret string          `json:"-"`
}

type optional struct {
	A int `json:"a,omitempty"`
}

func TestPayloads(t *testing.T) {
	c := kit.Speak(t, kit.Echo[string]("string"), kit.Echo[*string]("*string"), kit.Echo[int]("int"), kit.Echo[int64]("int64"), kit.Echo[uint8]("uint8"), kit.Echo[float64]("float64"),
		kit.Echo[bool]("bool"), kit.Echo[[]int]("[]int"), kit.Echo[[2]bool]("[2]bool"), kit.Echo[[]byte]("[]byte"), kit.Echo[[]chatLine]("[]chatLine"),
		kit.Echo[time.Time]("time"), kit.Echo[json.RawMessage]("raw"), kit.Echo[json.Number]("number"), kit.Echo[any]("any"), kit.Echo[netip.Addr]("addr"),
		kit.Echo[point]("point"), kit.Echo[*point]("*point"), kit.Echo[pair]("pair"), kit.Echo[struct{}]("none"), kit.Echo[chatLine]("line"), kit.Echo[*chatLine]("*line"), kit.Echo[**chatLine]("**line"),
		kit.Echo[composed]("composed"), kit.Echo[optional]("optional"), kit.Echo[map[string]int]("map"), kit.Echo[map[string]any]("anymap"), kit.Echo[map[int]string]("intmap"),
		kit.Echo[*map[string]int]("*map"))
	for _, test := range []struct{ name, in, want string }{ // members behind type and id; want is in where it is empty
		{"string", `"data":"hello"`, ``},
		{"string", `"data":""`, ``},
		{"string", `"data":"ä\u00e4\ud83d\ude00\u0000"`, `"data":"ää😀\u0000"`},
		{"*string", `"data":"x"`, ``},
		{"*string", `"data":null`, ``},
		{"*string", ``, `"data":null`},
		{"int", `"data":-7`, ``},
		{"int64", `"data":9007199254740993`, ``},
		{"int64", `"data":-9223372036854775808`, ``},
		{"uint8", `"data":255`, ``},
		{"float64", `"data":1.5`, ``},
		{"float64", `"data":-0.0`, `"data":-0`},
		{"bool", `"data":true`, ``},
		{"[]int", `"data":[1,2,3]`, ``},
		{"[]int", `"data":[]`, ``},
		{"[]int", ``, `"data":null`},
		{"[2]bool", `"data":[true]`, `"data":[true,false]`},
		{"[]byte", `"data":"aGk="`, ``},
		{"[]chatLine", `"data":[{"from":"a","text":"b"}]`, ``},
		{"time", `"data":"2024-05-06T07:08:09.5Z"`, ``},
		{"raw", `"data":{"a": [1, 2]}`, `"data":{"a":[1,2]}`},
		{"raw", `"data":null`, ``},
		{"raw", ``, `"data":null`},
		{"number", `"data":1.500`, ``},
		{"any", `"data":{"b":1,"a":[null]}`, `"data":{"a":[null],"b":1}`},
		{"any", `"data":"x"`, ``},
		{"addr", `"data":"::1"`, ``},
		{"point", `"data":"1,2"`, ``},
		{"*point", `"data":"1,2"`, ``},
		{"pair", `"data":{"a":1,"b":2}`, ``},
		{"none", ``, ``},
		{"none", `"data":{"x":1},"more":2`, ` `},
		{"line", `"from":"a","text":"b"`, ``},
		{"line", `"text":"b","from":"a","more":[1]`, `"from":"a","text":"b"`},
		{"line", ``, `"from":"","text":""`},
		{"*line", `"from":"a","text":"b"`, ``},
		{"*line", ``, `"from":"","text":""`},
		{"**line", `"from":"a","text":"b"`, ``},
		{"composed", `"text":"t","limit":3,"sub":{"text":"s"},"opt":{"text":"o"},"tags":["x"],"extra":{"y":1},"raw":[1],"at":"2024-05-06T07:08:09Z"`, ``},
		{"composed", `"Secret":"s","-":"s","text":"t"`, `"text":"t","limit":0,"sub":{"text":""}`},
		{"optional", ``, ``},
		{"map", `"a":1,"b":2`, ``},
		{"map", ``, ` `},
		{"map", `"\"":1,"ä":2`, ``},
		{"anymap", `"a":{"type":"x"},"z":null`, ``},
		{"intmap", `"1":"a","-2":"b"`, `"-2":"b","1":"a"`},
		{"*map", `"a":1`, ``},
	} {
		in, want := test.in, test.want
		if want == "" {
			want = in
		}
		if in != "" {
			in = "," + in
		}
		if want = strings.TrimSpace(want); want != "" {
			want = "," + want
		}
		c.Asks(`{"type":"`+test.name+`","id":1`+in+`}`, `{"type":"`+test.name+`","id":1`+want+`}`)
	}
	c.Logged(0)
}

func TestAnswers(t *testing.T) {
	var noLine *chatLine
	var noMap map[string]int
	var noSlice []int
	var noReader reader
	c := kit.Speak(t, kit.Give("nil pointer", noLine), kit.Give("nil map", noMap), kit.Give("nil slice", noSlice), kit.Give("nil interface", noReader), kit.Give[any]("nil any", nil),
		kit.Give[any]("any struct", chatLine{"a", "b"}), kit.Give[any]("any pointer", noLine), kit.Give("struct", chatLine{"a", "b"}), kit.Give("pointer", &chatLine{"a", "b"}),
		kit.Give("markup", "<a&b>\u2028"), kit.Give("raw", json.RawMessage(`{"a":1}`)), kit.Give("empty", struct{}{}))
	for _, test := range []struct{ name, want string }{
		{"nil pointer", `,"data":null`},
		{"nil map", ``},
		{"nil slice", `,"data":null`},
		{"struct", `,"from":"a","text":"b"`},
		{"pointer", `,"from":"a","text":"b"`},
		{"markup", `,"data":"\u003ca\u0026b\u003e\u2028"`},
		{"raw", `,"data":{"a":1}`},
		{"any struct", `,"data":{"from":"a","text":"b"}`},
		{"any pointer", `,"data":null`},
		{"empty", ``},
	} {
		c.Asks(`{"type":"`+test.name+`","id":1}`, `{"type":"`+test.name+`","id":1`+test.want+`}`)
	}
	for _, name := range []string{"nil interface", "nil any"} { // exactly one answer also for nothing
		c.Say(`{"type":"` + name + `","id":1}`)
		if got := c.Hear(); got != `{"type":"`+name+`","id":1}` && got != `{"type":"`+name+`","id":1,"data":null}` {
			t.Errorf("got %s", got)
		}
	}
	c.Silent()
}
