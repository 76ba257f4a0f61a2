package wsgate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

type (
	// loose holds empty interfaces in every way.
	loose struct {
		Any     any            `json:"any,omitempty"`
		Map     map[string]any `json:"map,omitempty"`
		List    []any          `json:"list,omitempty"`
		Pointer *any           `json:"pointer,omitempty"`
		Array   *[1]any        `json:"array,omitempty"`
		Named   anything       `json:"named,omitempty"`
		Next    *loose         `json:"next,omitempty"`
		Deep    []map[int]struct {
			looseParts
		} `json:"deep,omitempty"`
	}
	looseParts struct {
		Part any `json:"part"`
	}
	anything interface{}
)

// A number comes back with the digits that were sent, wherever the payload's type does not say what kind of number it is.
func TestNumbersOfAnySize(t *testing.T) {
	c := kit.Speak(t, kit.Echo[any]("any"), kit.Echo[map[string]any]("map"), kit.Echo[[]any]("list"), kit.Echo[*anything]("named"),
		kit.Echo[loose]("loose"), kit.Echo[*loose]("pointer"), kit.Echo[map[string][]loose]("looses"))
	for _, number := range []string{"9007199254740993", "-1234567890123456789", "12345678901234567890.10", "1E2", "1.0", "-0", "1e400"} {
		for _, members := range []string{
			`"type":"any","id":1,"data":N`,
			`"type":"any","id":1,"data":{"a":[N,{"b":N}]}`,
			`"type":"map","id":1,"a":N`,
			`"type":"list","id":1,"data":[N,[N]]`,
			`"type":"named","id":1,"data":N`,
			`"type":"loose","id":1,"any":N`,
			`"type":"loose","id":1,"map":{"a":N},"list":[N],"pointer":N,"array":[N],"named":N`,
			`"type":"loose","id":1,"next":{"next":{"any":N}},"deep":[{"7":{"part":N}}]`,
			`"type":"pointer","id":1,"any":{"a":N}`,
			`"type":"looses","id":1,"a":[{"any":N}]`,
		} {
			text := "{" + strings.ReplaceAll(members, "N", number) + "}"
			c.Asks(text, text)
		}
	}
	c.Logged(0)
}

// What a handler gets is a json.Number, and never a number of another kind.
func TestNumberType(t *testing.T) {
	types := func(name string) wsgate.Binding[kit.Data] {
		return wsgate.Answer(wsgate.Call[map[string]any, []string](name), func(_ context.Context, _ *kit.Conn, m map[string]any) ([]string, error) {
			f, err := m["a"].(json.Number).Float64()
			return []string{fmt.Sprintf("%T %T %v", m["a"], m["b"].([]any)[0], f)}, err
		})
	}
	c := kit.Speak(t, types("types"))
	c.Asks(`{"type":"types","id":1,"a":1.5,"b":[1]}`, `{"type":"types","id":1,"data":["json.Number json.Number 1.5"]}`)
}

// Who decodes with the library's types sees the same on the other side: answers, events and the details of errors.
func TestNumbersOfAnySizeInTests(t *testing.T) {
	const number = json.Number("9007199254740993")
	echo := wsgate.Call[any, map[string]any]("echo")
	said := wsgate.Event[[]any]("said")
	fail := wsgate.Event[struct{}]("fail")
	gateway := &kit.EventGateway{Table: wsgate.Events[kit.Data]{
		wsgate.Answer(echo, func(_ context.Context, c *kit.Conn, v any) (map[string]any, error) {
			return map[string]any{"got": v}, said.Emit(c, []any{v})
		}),
		wsgate.On(fail, func(context.Context, *kit.Conn, struct{}) error {
			return &wsgate.Error{Code: wsgate.Invalid, Message: "no", Details: map[string]any{"n": number}}
		}),
	}}
	c := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", gateway)}}).Dial("/")
	if got := wstest.Ask(c, echo, any(number)); got["got"] != number {
		t.Errorf("the answer has %T %[1]v, want %v", got["got"], number)
	}
	if got := wstest.Next(c, said); got[0] != number {
		t.Errorf("the event has %T %[1]v, want %v", got[0], number)
	}
	wstest.Send(c, fail, struct{}{})
	if got := wstest.ExpectError(c, wsgate.Invalid).Details.(map[string]any); got["n"] != number {
		t.Errorf("the error has %T %[1]v, want %v", got["n"], number)
	}
}

// numbered is what is known of a connection, whose user everybody in a room sees with a number.
type numbered struct{}

func (numbered) UserID() string { return "ann" }

type numbering struct{}

const numbers wsgate.Event[wsgate.Presence[any]] = "numbers"

func (numbering) OnUpgrade(*http.Request) (numbered, error) { return numbered{}, nil }

func (numbering) OnOpen(_ context.Context, c *wsgate.Conn[numbered]) error { return c.Join("room") }

func (numbering) Events() wsgate.Events[numbered] {
	return wsgate.Events[numbered]{
		wsgate.Track(numbers, func(*wsgate.Conn[numbered], string) (any, bool) { return int64(9007199254740993), true }),
	}
}

// What is known of a room's users keeps its numbers, as an event and as the answer of Members.
func TestNumbersOfAnySizeInRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() numbering { return numbering{} }}}})
		c := app.Dial("/")
		wstest.Pass(time.Second)
		const want = json.Number("9007199254740993")
		if got := wstest.Next(c, numbers); got.Here["ann"] != want {
			t.Errorf("the event has %T %[1]v, want %v", got.Here["ann"], want)
		}
		if got, err := wsgate.Members[any](t.Context(), app.Hub().At("/").Room("room")); err != nil || got["ann"] != want {
			t.Errorf("Members has %T %[1]v, %v, want %v", got["ann"], err, want)
		}
	})
}
