package wsgate_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type address struct {
	Street string `json:"street"`
}

// Common is embedded, so that its Go name must not be seen.
type Common struct {
	Shared int `json:"shared"`
}

type everything struct {
	Common
	Room  string         `json:"room"`
	N     int            `json:"n"`
	Small int8           `json:"small"`
	Size  uint           `json:"size"`
	F     float32        `json:"f"`
	OK    bool           `json:"ok"`
	Tags  []string       `json:"tags"`
	Pair  [2]int         `json:"pair"`
	Home  address        `json:"home"`
	Work  *address       `json:"work"`
	Map   map[string]int `json:"map"`
	Ints  map[int]string `json:"ints"`
	Bytes []byte         `json:"bytes"`
	Addr  netip.Addr     `json:"addr"`
	At    time.Time      `json:"at"`
	Text  json.Number    `json:"text"`
	Deep  struct {
		List []address `json:"list"`
	} `json:"deep"`
	Iface interface{ Read() string } `json:"iface"`
	Quote int                        `json:"quote,string"`
}

// internals finds what only a Go programmer could have written.
var internals = regexp.MustCompile(`wsgate|Go |go|json:|\bstruct\b|unmarshal|Unmarshal|interface|\bu?int\d*\b|float|netip|time\.|Time\.|Common|reflect|\[\]|map\[|everything|address\b|RFC3339|2006`)

func TestPayloadsOfTheWrongType(t *testing.T) {
	called := wsgate.On(wsgate.Event[everything]("e"), func(context.Context, *kit.Conn, everything) error {
		t.Error("the handler was called")
		return nil
	})
	c := kit.Speak(t, called, kit.Show[string]("string"), kit.Show[int]("int"), kit.Show[[]string]("list"), kit.Show[map[string]int]("map"), kit.Show[*bool]("bool"), kit.Show[time.Time]("time"),
		kit.Show[[]byte]("bytes"), kit.Show[netip.Addr]("addr"), kit.Show[[]address]("addresses"), kit.Show[*chatLine]("line"), kit.Show[float64]("float"), kit.Show[map[string]address]("addressmap"))
	for _, test := range []struct{ members, want string }{
		{`"type":"e","room":5`, `room is a number, want a string`},
		{`"type":"e","room":true`, `room is a bool, want a string`},
		{`"type":"e","room":{}`, `room is an object, want a string`},
		{`"type":"e","room":["x"]`, `room is an array, want a string`},
		{`"type":"e","n":"5"`, `n is a string, want a number`},
		{`"type":"e","data":{"n":5}`, `the payload of e stands beside "type", not under "data"`},
		{`"type":"e","ok":"true"`, `ok is a string, want a bool`},
		{`"type":"e","ok":1`, `ok is a number, want a bool`},
		{`"type":"e","small":128`, `small is out of range`},
		{`"type":"e","size":-1`, `size is out of range`},
		{`"type":"e","n":9223372036854775808`, `n is out of range`},
		{`"type":"e","f":1e400`, `f is out of range`},
		{`"type":"e","n":1.5`, `n has to be a whole number`},
		{`"type":"e","n":1e3`, `n has to be a whole number`},
		{`"type":"e","tags":"x"`, `tags is a string, want an array`},
		{`"type":"e","pair":{}`, `pair is an object, want an array`},
		{`"type":"e","home":"x"`, `home is a string, want an object`},
		{`"type":"e","home":{"street":5}`, `home.street is a number, want a string`},
		{`"type":"e","work":{"street":[]}`, `work.street is an array, want a string`},
		{`"type":"e","work":1`, `work is a number, want an object`},
		{`"type":"e","map":[]`, `map is an array, want an object`},
		{`"type":"e","map":{"x":"y"}`, `map.x is a string, want a number`},
		{`"type":"e","ints":{"x":"y"}`, `ints.x is under a key that does not decode`},
		{`"type":"e","shared":"x"`, `shared is a string, want a number`},
		{`"type":"e","bytes":5`, `bytes is a number, want a string`},
		{`"type":"e","bytes":"%%%"`, `bytes is not base64`},
		{`"type":"e","addr":5`, `addr is a number, want a string`},
		{`"type":"e","addr":"nowhere"`, `addr does not decode`},
		{`"type":"e","at":"yesterday"`, `at is not an RFC 3339 time`},
		{`"type":"e","at":5`, `at is a number, want a string`},
		{`"type":"e","text":"abc"`, `text is a string, want a number`},
		{`"type":"e","deep":{"list":[{"street":"a"},{"street":5}]}`, `deep.list[1].street is a number, want a string`},
		{`"type":"e","iface":{"x":1}`, `iface does not decode`},
		{`"type":"e","quote":5`, `quote has to be a string with a number in it`},
		{`"type":"e","quote":"x"`, `quote has to be a string with a number in it`},
		{`"type":"string","data":5`, `the payload of string is a number, want a string`},
		{`"type":"int","data":"5"`, `the payload of int is a string, want a number`},
		{`"type":"int","data":1.5`, `the payload of int has to be a whole number`},
		{`"type":"float","data":1e999`, `the payload of float is out of range`},
		{`"type":"list","data":{}`, `the payload of list is an object, want an array`},
		{`"type":"list","data":[1]`, `[0] is a number, want a string`},
		{`"type":"map","a":"x"`, `a is a string, want a number`},
		{`"type":"addressmap","a":{"street":5}`, `a.street is a number, want a string`},
		{`"type":"bool","data":0`, `the payload of bool is a number, want a bool`},
		{`"type":"time","data":"yesterday"`, `the payload of time is not an RFC 3339 time`},
		{`"type":"time","data":5`, `the payload of time is a number, want a string`},
		{`"type":"bytes","data":{}`, `the payload of bytes is an object, want a string`},
		{`"type":"addr","data":{}`, `the payload of addr is an object, want a string`},
		{`"type":"addresses","data":[{"street":"a"},5]`, `[1] is a number, want an object`},
		{`"type":"line","from":5`, `from is a number, want a string`},
	} {
		t.Run(test.members, func(t *testing.T) {
			c.Say(`{` + test.members + `,"id":"i"}`)
			text := c.Hear()
			var answer struct{ Type, ID, Code, Message string }
			if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Type != "error" || answer.ID != "i" || answer.Code != "invalid" {
				t.Fatalf("got %s, %v, want an error with code invalid", text, err)
			}
			if answer.Message != test.want {
				t.Errorf("got message %q, want %q", answer.Message, test.want)
			}
			message := answer.Message
			for _, name := range []string{"bool", "string", "int", "float", "time"} { // are also names of events here
				message = strings.Replace(message, "payload of "+name, "payload of e", 1)
			}
			if found := internals.FindString(message); found != "" {
				t.Errorf("%q in the message %q", found, answer.Message)
			}
		})
	}
	c.Logged(0)
}

func TestOwnUnmarshalers(t *testing.T) {
	c := kit.Speak(t, kit.Echo[point]("point"), kit.Echo[struct {
		N  int
		At point
	}]("inside"), kit.Echo[failingUnmarshaler]("failing"))
	c.Asks(`{"type":"point","id":1,"data":"x"}`, `{"type":"error","id":1,"code":"invalid","message":"a point looks like 1,2"}`)
	c.Asks(`{"type":"inside","id":1,"At":"x"}`, `{"type":"error","id":1,"code":"invalid","message":"a point looks like 1,2"}`)
	// The first value that is wrong counts, whoever finds it wrong.
	c.Asks(`{"type":"inside","id":1,"N":"x","At":"x"}`, `{"type":"error","id":1,"code":"invalid","message":"N is a string, want a number"}`)
	c.Asks(`{"type":"inside","id":1,"At":"x","N":"x"}`, `{"type":"error","id":1,"code":"invalid","message":"a point looks like 1,2"}`)
	c.Asks(`{"type":"failing","id":1,"data":"x"}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of failing does not decode"}`)
}

type failingUnmarshaler struct{}

func (*failingUnmarshaler) UnmarshalJSON([]byte) error { return errOfService }

func TestMalformed(t *testing.T) {
	nest := func(levels int) string {
		return `{"type":"any","id":1,"data":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	c := kit.Speak(t, kit.Show[string]("say"), kit.Give("ok", 1),
		wsgate.On(wsgate.Event[any]("any"), func(context.Context, *kit.Conn, any) error { return nil }))
	const (
		notJSON   = `Invalid JSON`
		notObject = `message is not a JSON object`
		duplicate = `JSON has an object with a duplicate key`
		deep      = `JSON is nested deeper than 64 levels`
		noType    = `message has no \"type\"`
	)
	for _, test := range []struct{ text, id, message string }{
		{`hello`, ``, notJSON},
		{`12 monkeys`, ``, notJSON},
		{`null and void`, ``, notJSON},
		{`"a" b`, ``, notJSON},
		{`[] []`, ``, notJSON},
		{``, ``, notJSON},
		{` `, ``, notJSON},
		{"\n\t\r ", ``, notJSON},
		{"\x00", ``, notJSON},
		{`{`, ``, notJSON},
		{`}`, ``, notJSON},
		{`{"type":"say"`, ``, notJSON},
		{`{"type":"say"}}`, ``, notJSON},
		{`{"type":"say"} x`, ``, notJSON},
		{`{"type":"say"}{"type":"say"}`, ``, notJSON},
		{"{\"type\":\"say\"}\n{\"type\":\"say\"}", ``, notJSON},
		{`{"type":"say",}`, ``, notJSON},
		{`{,"type":"say"}`, ``, notJSON},
		{`{"type" "say"}`, ``, notJSON},
		{`{type:"say"}`, ``, notJSON},
		{`{'type':'say'}`, ``, notJSON},
		{`{"type":"say","data":tru}`, ``, notJSON},
		{`{"type":"say","data":NaN}`, ``, notJSON},
		{`{"type":"say","data":01}`, ``, notJSON},
		{`{"type":"say","data":+1}`, ``, notJSON},
		{`{"type":"say","data":1.}`, ``, notJSON},
		{`{"type":"say","data":.5}`, ``, notJSON},
		{`{"type":"say","data":-}`, ``, notJSON},
		{`{"type":"say","data":1e}`, ``, notJSON},
		{`{"type":"say","data":0x1}`, ``, notJSON},
		{`{"type":"say","data":"\x"}`, ``, notJSON},
		{`{"type":"say","data":"\u12g4"}`, ``, notJSON},
		{`{"type":"say","data":"\u123"}`, ``, notJSON},
		{"{\"type\":\"say\",\"data\":\"a\nb\"}", ``, notJSON},
		{"{\"type\":\"say\",\"data\":\"\x1f\"}", ``, notJSON},
		{`{"type":"say","data":[1,]}`, ``, notJSON},
		{`{"type":"say","data":[1 2]}`, ``, notJSON},
		{`{"type":"say"/* comment */}`, ``, notJSON},
		{"\ufeff{\"type\":\"say\"}", ``, notJSON},
		{"\u00a0{\"type\":\"say\"}", ``, notJSON},
		{`{"type":"say","id":1,"data":`, ``, notJSON},
		{`null`, ``, notObject},
		{`[]`, ``, notObject},
		{`[{"type":"say"}]`, ``, notObject},
		{`1`, ``, notObject},
		{` "say" `, ``, notObject},
		{`true`, ``, notObject},
		{`{}`, ``, noType},
		{`{"id":1}`, `1`, noType},
		{`{"data":"x","id":"a"}`, `"a"`, noType},
		{`{"":"say"}`, ``, noType},
		{`{"type":"say","type":"say"}`, ``, duplicate},
		{`{"id":1,"type":"say","id":1}`, ``, duplicate},
		{`{"type":"say","data":{"a":1,"a":2}}`, ``, duplicate},
		{`{"type":"say","x":[{"a":1},{"a":1,"b":{"c":1,"c":1}}]}`, ``, duplicate},
		{`{"type":"say","ty\u0070e":"x"}`, ``, duplicate},
		{`{"type":"say","":1,"":2}`, ``, duplicate},
		{nest(65), ``, deep},
		{nest(30000), ``, deep},
		{`{"type":"any","data":` + strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64) + `}`, ``, deep},
		{strings.Repeat("[", 65), ``, deep},
		{`{"TYPE":"say"}`, ``, `unknown key \"TYPE\", keys are case-sensitive`},
		{`{"type":"say","Data":"x"}`, ``, `unknown key \"Data\", keys are case-sensitive`},
		{`{"type":"say","ID":1}`, ``, `unknown key \"ID\", keys are case-sensitive`},
		{`{"type":"say","id":7,"tyPe":1}`, `7`, `unknown key \"tyPe\", keys are case-sensitive`},
	} {
		id := ""
		if test.id != "" {
			id = `"id":` + test.id + `,`
		}
		c.Asks(test.text, `{"type":"error",`+id+`"code":"malformed","message":"`+test.message+`"}`)
		c.Asks(`{"type":"ok","id":2}`, `{"type":"ok","id":2,"data":1}`) // the connection lives
	}
	c.Asks(nest(64), `{"type":"any","id":1}`)
	c.Asks("\r\n\t { \"type\" : \"say\" , \"id\" : 1 , \"data\" : \"x\" } \n", `{"type":"say","id":1,"data":"x"}`)
	many := `{"type":"say","id":1,"data":"x"`
	for i := range 3000 {
		many += `,"k` + strings.Repeat("x", i%7) + `_` + string(rune('a'+i%26)) + time.Duration(i).String() + `":0`
	}
	c.Asks(many+`}`, `{"type":"say","id":1,"data":"x"}`)
	c.Asks(many+`,"type":0}`, `{"type":"error","code":"malformed","message":"`+duplicate+`"}`)
	c.Logged(0)
}

func TestNotUTF8(t *testing.T) {
	c := kit.Speak(t, kit.Show[string]("say"))
	c.Say("{\"type\":\"say\",\"data\":\"\xff\"}")
	c.Closed(websocket.StatusInvalidFramePayloadData, "UTF-8")
}

func TestMalformedInARow(t *testing.T) {
	const invalid = `{"type":"error","code":"malformed","message":"Invalid JSON"}`
	app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Malformed: 3}}, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Give("ok", 1)}}))
	c := kit.SpeakTo(t, app)
	for range 3 { // never three in a row
		c.Asks(`x`, invalid)
		c.Asks(`y`, invalid)
		c.Asks(`{"type":"nothing"}`, `{"type":"error","code":"unknown_event","message":"unknown event \"nothing\""}`)
	}
	for range 3 {
		c.Asks(`x`, invalid)
	}
	c.Closed(websocket.StatusPolicyViolation, "malformed")

	c = kit.Speak(t)
	for range 8 {
		c.Asks(`{}`, `{"type":"error","code":"malformed","message":"message has no \"type\""}`)
	}
	c.Closed(websocket.StatusPolicyViolation, "malformed")
}

func TestUnsupported(t *testing.T) {
	c := kit.Speak(t, kit.Give("ok", 1))
	c.Asks(`{"type":"ok","id":1}`, `{"type":"ok","id":1,"data":1}`) // whose id is not that of what follows
	for _, data := range []string{"", "\x00\xff", `{"type":"ok","id":1}`} {
		ctx, cancel := context.WithTimeout(context.Background(), kit.Patience)
		if err := c.Write(ctx, websocket.MessageBinary, []byte(data)); err != nil {
			t.Fatal(err)
		}
		cancel()
		c.Hears(`{"type":"error","code":"unsupported","message":"this gateway takes no binary messages"}`)
	}
	c.Asks(`{"type":"ok","id":1}`, `{"type":"ok","id":1,"data":1}`)
	c.Logged(0)

	app := kit.NewApp(t, &wsgate.Options{Envelope: wsgate.Envelope{Type: "event"}}, kit.RouteTo("/push", &kit.Hooks{}))
	push := kit.Dial(t, app, "/push")
	for _, text := range []string{`hello`, `{"event":"x"}`, ``} {
		push.Say(text)
		push.Hears(`{"event":"error","code":"unsupported","message":"this gateway takes no messages"}`)
	}
	for _, text := range []string{`{"event":"x","id":"a"}`, `{"id":"a","event":7}`} { // who asked is answered
		push.Say(text)
		push.Hears(`{"event":"error","id":"a","code":"unsupported","message":"this gateway takes no messages"}`)
	}
	if err := push.Write(t.Context(), websocket.MessageBinary, []byte{1}); err != nil {
		t.Fatal(err)
	}
	push.Hears(`{"event":"error","code":"unsupported","message":"this gateway takes no messages"}`)
	if err := wsgate.Event[int]("tick").Emit(app.Hub().At("/push"), 1); err != nil {
		t.Error(err)
	}
	push.Hears(`{"event":"tick","data":1}`)
}
