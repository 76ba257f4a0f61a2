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
func chatTable() []wsgate.Binding[testData] {
	return []wsgate.Binding[testData]{
		wsgate.On(joinRoom, func(_ context.Context, c *testConn, in roomName) error { return c.Join(in.Room) }),
		wsgate.On(sayText, func(_ context.Context, c *testConn, text string) error {
			return saidLine.Emit(c.Room(c.Rooms()[0]), chatLine{"ann", text})
		}),
		wsgate.On(tickTock, func(_ context.Context, c *testConn, _ struct{}) error {
			return errors.Join(tickTock.Emit(c, struct{}{}), sendCounts.Emit(c, map[string]int{"b": 2, "a": 1}), sayText.Emit(c, "tock"))
		}),
		wsgate.Answer(askHistory, func(_ context.Context, _ *testConn, in historyQuery) ([]chatLine, error) {
			if in.Limit > 100 {
				return nil, wsgate.Errorf(wsgate.Invalid, "at most %d lines, not %d", 100, in.Limit)
			}
			return []chatLine{{"ann", "hello"}}, nil
		}),
		wsgate.Answer(askLatest, func(context.Context, *testConn, historyQuery) (chatLine, error) { return chatLine{"ann", "hello"}, nil }),
	}
}

func TestFlatEnvelope(t *testing.T) {
	c := speak(t, chatTable()...)
	c.say(`{"type":"join","room":"general"}`)
	c.asks(`{"type":"say","data":"hello"}`, `{"type":"said","from":"ann","text":"hello"}`)
	c.asks(`{"type":"history","id":7,"limit":10}`, `{"type":"history","id":7,"data":[{"from":"ann","text":"hello"}]}`)
	c.asks(`{"type":"latest","id":8,"limit":10}`, `{"type":"latest","id":8,"from":"ann","text":"hello"}`)
	c.asks(`{"type":"history","id":7,"limit":500}`, `{"type":"error","id":7,"code":"invalid","message":"at most 100 lines, not 500"}`)
	c.asks(`{"type":"history","limit":500}`, `{"type":"error","code":"invalid","message":"at most 100 lines, not 500"}`)
	c.asks(`{"type":"join","id":"j","room":"other"}`, `{"type":"join","id":"j"}`)
	c.say(`{"type":"tick"}`)
	c.hears(`{"type":"tick"}`, `{"type":"counts","a":1,"b":2}`, `{"type":"say","data":"tock"}`)
	c.say(`{"type":"history","limit":10}`) // nobody waits for the answer
	c.silent()
	c.logged(0)
}

func TestNestedEnvelope(t *testing.T) {
	c := speakIn(t, wsgate.Envelope{Type: "event", Data: "data"}, chatTable()...)
	c.say(`{"event":"join","data":{"room":"general"}}`)
	c.asks(`{"event":"say","data":"hello"}`, `{"event":"said","data":{"from":"ann","text":"hello"}}`)
	c.asks(`{"event":"history","id":7,"data":{"limit":10}}`, `{"event":"history","id":7,"data":[{"from":"ann","text":"hello"}]}`)
	c.asks(`{"data":{"limit":10},"id":8,"event":"latest"}`, `{"event":"latest","id":8,"data":{"from":"ann","text":"hello"}}`)
	c.asks(`{"event":"history","id":7,"data":{"limit":500}}`, `{"event":"error","id":7,"data":{"code":"invalid","message":"at most 100 lines, not 500"}}`)
	c.asks(`{"event":"join","id":"j","data":{"room":"other"}}`, `{"event":"join","id":"j"}`)
	c.say(`{"event":"tick"}`)
	c.hears(`{"event":"tick","data":{}}`, `{"event":"counts","data":{"a":1,"b":2}}`, `{"event":"say","data":"tock"}`)
	c.asks(`hello`, `{"event":"error","data":{"code":"malformed","message":"Invalid JSON"}}`)
	c.asks(`{"type":"tick"}`, `{"event":"error","data":{"code":"malformed","message":"message has no \"event\""}}`)
}

func TestRenamedEnvelope(t *testing.T) {
	c := speakIn(t, wsgate.Envelope{Type: "action", ID: "seq"}, chatTable()...)
	c.say(`{"action":"join","room":"general"}`)
	c.asks(`{"action":"say","data":"hello"}`, `{"action":"said","from":"ann","text":"hello"}`)
	c.asks(`{"action":"latest","seq":8,"id":9,"limit":10}`, `{"action":"latest","seq":8,"from":"ann","text":"hello"}`)
	c.asks(`{"action":"nothing","seq":8}`, `{"action":"error","seq":8,"code":"unknown_event","message":"unknown event \"nothing\""}`)
	c.asks(`{"type":"say"}`, `{"action":"error","code":"malformed","message":"message has no \"action\""}`)
	c.asks(`{"Action":"say"}`, `{"action":"error","code":"malformed","message":"unknown key \"Action\", keys are case-sensitive"}`)
}

func TestRouteEnvelopeReplacesTheApps(t *testing.T) {
	table := &eventGateway{table: chatTable()}
	own := routeTo("/own", table)
	own.Envelope = wsgate.Envelope{Type: "action"}
	app := newApp(t, &wsgate.Options{Envelope: wsgate.Envelope{Type: "event", Data: "data"}}, routeTo("/", table), own)
	for _, test := range []struct{ target, sent, want string }{
		{"/", `{"event":"latest","id":1}`, `{"event":"latest","id":1,"data":{"from":"ann","text":"hello"}}`},
		{"/own", `{"action":"latest","id":1}`, `{"action":"latest","id":1,"from":"ann","text":"hello"}`},
	} {
		c := dial(t, app, test.target)
		c.say(test.sent)
		c.hears(test.want)
	}
	// One event for everybody has each route's form.
	a, b := dialed(t, app, "/"), dialed(t, app, "/own")
	if err := saidLine.Emit(app.Hub(), chatLine{"ann", "hi"}); err != nil {
		t.Fatal(err)
	}
	a.hears(`{"event":"said","data":{"from":"ann","text":"hi"}}`)
	b.hears(`{"action":"said","from":"ann","text":"hi"}`)
}

func TestIDs(t *testing.T) {
	c := speak(t, give("ask", 1), wsgate.On(tickTock, func(context.Context, *testConn, struct{}) error { return nil }))
	for _, id := range []string{
		`0`, `-0`, `7`, `-7`, `1.50`, `1e3`, `1E+3`, `0.1e-12`, `12345678901234567890123`, strings.Repeat("9", 64), "-" + strings.Repeat("9", 63),
		`""`, `"a"`, `"ä"`, `"\u00e4"`, `"\u0000"`, `"a\/b"`, `"\""`, `"null"`, `"` + strings.Repeat("x", 62) + `"`,
	} {
		c.asks(`{"type":"ask","id":`+id+`}`, `{"type":"ask","id":`+id+`,"data":1}`)
		c.asks(`{"id" : `+id+` , "type":"tick"}`, `{"type":"tick","id":`+id+`}`)
		c.asks(`{"id":`+id+`,"type":"x"}`, `{"type":"error","id":`+id+`,"code":"unknown_event","message":"unknown event \"x\""}`)
		c.asks(`{"id":`+id+`}`, `{"type":"error","id":`+id+`,"code":"malformed","message":"message has no \"type\""}`)
	}
	for _, id := range []string{
		`null`, `true`, `false`, `{}`, `[]`, `[1]`, `{"a":1}`, strings.Repeat("9", 65), `"` + strings.Repeat("x", 63) + `"`, `"` + strings.Repeat("x", 60<<10) + `"`,
		`"` + strings.Repeat("ä", 32) + `"`,
	} {
		c.asks(`{"type":"ask","id":`+id+`}`, `{"type":"error","code":"malformed","message":"id is not a number or string of at most 64 bytes"}`)
		c.asks(`{"type":"tick","id":1}`, `{"type":"tick","id":1}`)
	}
	c.say(`{"type":"tick"}`)
	c.silent()
}

func TestEventNamesThatClientsSend(t *testing.T) {
	c := speak(t, echo[int]("a"), echo[int]("ä b"), echo[int](`"\/`))
	c.asks(`{"type":"\u0061","id":1,"data":2}`, `{"type":"a","id":1,"data":2}`)
	c.asks(`{"type":"\u00e4 b","id":1,"data":2}`, `{"type":"ä b","id":1,"data":2}`)
	c.asks(`{"type":"\"\\/","id":1,"data":2}`, `{"type":"\"\\/","id":1,"data":2}`)
	for _, name := range []string{`A`, `a `, ` a`, ``, `error`, `$x`, `__proto__`, `аa`, `\u0000`, `\ud800`, `a\nb`} {
		c.say(`{"type":"` + name + `","id":1}`)
		var answer struct {
			Type, Code, Message string
			ID                  int
		}
		text := c.hear()
		if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Type != "error" || answer.Code != "unknown_event" || answer.ID != 1 {
			t.Errorf("%s: got %s, %v", name, text, err)
		}
	}
	for _, typ := range []string{`1`, `null`, `true`, `["a"]`, `{"a":1}`} {
		c.asks(`{"type":`+typ+`,"id":1}`, `{"type":"error","id":1,"code":"malformed","message":"\"type\" is not a string"}`)
	}
	c.logged(0)
}

// A long name comes back in the answer, but not the whole of it.
func TestUnknownEventAnswerIsShort(t *testing.T) {
	c := speak(t)
	c.say(`{"type":"` + strings.Repeat("x", 60<<10) + `","id":1}`)
	if answer := c.hear(); len(answer) > 1<<10 || !strings.Contains(answer, `"id":1`) || !strings.Contains(answer, `"unknown_event"`) {
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
	c := speak(t, echo[string]("string"), echo[*string]("*string"), echo[int]("int"), echo[int64]("int64"), echo[uint8]("uint8"), echo[float64]("float64"),
		echo[bool]("bool"), echo[[]int]("[]int"), echo[[2]bool]("[2]bool"), echo[[]byte]("[]byte"), echo[[]chatLine]("[]chatLine"),
		echo[time.Time]("time"), echo[json.RawMessage]("raw"), echo[json.Number]("number"), echo[any]("any"), echo[netip.Addr]("addr"),
		echo[point]("point"), echo[*point]("*point"), echo[pair]("pair"), echo[struct{}]("none"), echo[chatLine]("line"), echo[*chatLine]("*line"), echo[**chatLine]("**line"),
		echo[composed]("composed"), echo[optional]("optional"), echo[map[string]int]("map"), echo[map[string]any]("anymap"), echo[map[int]string]("intmap"),
		echo[*map[string]int]("*map"))
	for _, test := range []struct{ name, in, want string }{ // members behind type and id; want is in where it is empty
		{"string", `"data":"hello"`, ``},
		{"string", `"data":""`, ``},
		{"string", `"data":"ä\u00e4\ud83d\ude00\u0000"`, `"data":"ää😀\u0000"`},
		{"string", ``, `"data":""`},
		{"string", `"data":null`, `"data":""`},
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
		c.asks(`{"type":"`+test.name+`","id":1`+in+`}`, `{"type":"`+test.name+`","id":1`+want+`}`)
	}
	c.logged(0)
}

func TestAnswers(t *testing.T) {
	var noLine *chatLine
	var noMap map[string]int
	var noSlice []int
	var noReader reader
	c := speak(t, give("nil pointer", noLine), give("nil map", noMap), give("nil slice", noSlice), give("nil interface", noReader), give[any]("nil any", nil),
		give[any]("any struct", chatLine{"a", "b"}), give[any]("any pointer", noLine), give("struct", chatLine{"a", "b"}), give("pointer", &chatLine{"a", "b"}),
		give("markup", "<a&b>\u2028"), give("raw", json.RawMessage(`{"a":1}`)), give("empty", struct{}{}))
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
		c.asks(`{"type":"`+test.name+`","id":1}`, `{"type":"`+test.name+`","id":1`+test.want+`}`)
	}
	for _, name := range []string{"nil interface", "nil any"} { // exactly one answer also for nothing
		c.say(`{"type":"` + name + `","id":1}`)
		if got := c.hear(); got != `{"type":"`+name+`","id":1}` && got != `{"type":"`+name+`","id":1,"data":null}` {
			t.Errorf("got %s", got)
		}
	}
	c.silent()
}
