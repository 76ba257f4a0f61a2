package wsgate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type cyclic struct{ Next *cyclic }

type badMarshaler struct{ wrong string }

func (b badMarshaler) MarshalJSON() ([]byte, error) { return []byte(b.wrong), nil }

type failingMarshaler struct{}

func (failingMarshaler) MarshalJSON() ([]byte, error) { return nil, errOfService }

func TestAnswersThatCannotBeEncoded(t *testing.T) {
	loop := &cyclic{}
	loop.Next = loop
	bindings := map[string]wsgate.Binding[kit.Data]{
		"NaN":      kit.Give("NaN", math.NaN()),
		"infinite": kit.Give("infinite", []float64{math.Inf(1)}),
		"chan":     kit.Give[any]("chan", make(chan int)),
		"func":     kit.Give[any]("func", func() {}),
		"complex":  kit.Give("complex", struct{ C any }{complex64(1)}),
		"cycle":    kit.Give("cycle", loop),
		"bad JSON": kit.Give("bad JSON", badMarshaler{`{"a":`}),
		"two":      kit.Give("two", badMarshaler{`1 2`}),
		"failing":  kit.Give("failing", failingMarshaler{}),
		"no UTF-8": kit.Give("no UTF-8", badMarshaler{"\"\xff\""}),
		"raw":      kit.Give("raw", map[string]json.RawMessage{"a": json.RawMessage("\"\xed\xa0\x80\"")}),
		"inside":   kit.Give("inside", map[string]any{"a": math.NaN()}),
	}
	for name, bound := range bindings {
		t.Run(name, func(t *testing.T) {
			c := kit.Speak(t, bound, kit.Give("next", 1))
			c.Asks(`{"type":"`+name+`","id":7}`, `{"type":"error","id":7,"code":"internal","message":"internal error"}`)
			c.Logged(1, `event=`+name)
			c.Asks(`{"type":"next","id":8}`, `{"type":"next","id":8,"data":1}`)
			c.Logged(1)
			c.Say(`{"type":"` + name + `"}`) // nobody waits for it
			c.Silent()
		})
	}
}

func TestEmitThatCannotBeEncoded(t *testing.T) {
	failed := make(chan error, 1)
	c := kit.Speak(t, wsgate.On(tickTock, func(_ context.Context, c *kit.Conn, _ struct{}) error {
		failed <- wsgate.Event[float64]("price").Emit(c, math.NaN())
		return nil
	}))
	c.Say(`{"type":"tick"}`)
	kit.CheckText(t, kit.WellFormed(t, <-failed), "price", "NaN")
	for _, to := range []wsgate.Target{c.App.Hub(), c.App.Hub().At("/"), c.App.Hub().At("/").Room("x")} {
		if err := wsgate.Event[chan int]("pipe").Emit(to, nil); err == nil {
			t.Errorf("Emit of a chan to %T returned nil", to)
		}
		if err := wsgate.Event[failingMarshaler]("own").Emit(to, failingMarshaler{}); !errors.Is(err, errOfService) {
			t.Errorf("Emit to %T: got %v, want the marshaler's own error inside", to, err)
		}
	}
	c.Silent()
}

func TestErrors(t *testing.T) {
	own := wsgate.Errorf(wsgate.Conflict, "name %q is taken", "ann")
	detailed := &wsgate.Error{Code: "my_own", Message: "no", Details: map[string]any{"left": 3, "at": []int{1}}}
	var nilError *wsgate.Error
	c := kit.Speak(t, kit.Fail("own", own), kit.Fail("wrapped", fmt.Errorf("saving: %w", own)), kit.Fail("joined", errors.Join(errOfService, own)),
		kit.Fail("detailed", detailed), kit.Fail("plain", errOfService), kit.Fail("typed nil", nilError), kit.Fail("secret", fmt.Errorf("password %d", 12345)),
		kit.Fail("bad details", &wsgate.Error{Code: wsgate.Invalid, Message: "no", Details: math.NaN()}),
		kit.Fail("markup", wsgate.Errorf(wsgate.Invalid, "<b>\n\x00\"")), kit.Fail("empty", &wsgate.Error{}),
		wsgate.Answer(askHistory, func(context.Context, *kit.Conn, historyQuery) ([]chatLine, error) { return []chatLine{{}}, own }))
	for _, test := range []struct{ name, want string }{
		{"own", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"wrapped", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"joined", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"history", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"detailed", `"code":"my_own","message":"no","details":{"at":[1],"left":3}`},
		{"markup", `"code":"invalid","message":"\u003cb\u003e\n\u0000\""`},
		{"empty", `"code":"","message":""`},
	} {
		c.Asks(`{"type":"`+test.name+`","id":1}`, `{"type":"error","id":1,`+test.want+`}`)
		c.Asks(`{"type":"`+test.name+`"}`, `{"type":"error",`+test.want+`}`)
	}
	c.Logged(0)
	c.Asks(`{"type":"bad details","id":1}`, `{"type":"error","id":1,"code":"invalid","message":"no"}`)
	c.Logged(1, "details", "NaN")
	for _, name := range []string{"plain", "typed nil", "secret"} {
		c.Asks(`{"type":"`+name+`","id":1}`, `{"type":"error","id":1,"code":"internal","message":"internal error"}`)
		c.Logged(1, "event="+name)
	}
	c.Logged(1, "the disk is full")
	c.Logged(1, "password 12345")
	c.Logged(4)
	c.Silent()
}

func TestCloseErrorCloses(t *testing.T) {
	c := kit.Speak(t, kit.Fail("bye", fmt.Errorf("over: %w", websocket.CloseError{Code: 4001, Reason: "bye"})))
	c.Say(`{"type":"bye","id":1}`)
	c.Closed(4001, "bye")
	c.Logged(0)
}

// What a connection has handled is not kept while it is idle.
func TestIdleConnectionKeepsNoMessage(t *testing.T) {
	long := strings.Repeat("x", 1000)
	var seen weak.Pointer[byte]
	middleware := func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			if len(in.Message.Data) > 0 {
				seen = weak.Make(&in.Message.Data[0])
			}
			return next(ctx, c, in)
		}
	}
	events := &kit.EventGateway{Table: wsgate.Events[kit.Data]{
		wsgate.On(wsgate.Event[string]("say"), func(context.Context, *kit.Conn, string) error { return nil }),
	}}
	messages := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, _ wsgate.Message) error { return c.Send(wsgate.Text("ok")) }}
	for _, test := range []struct {
		name  string
		route wsgate.Route
		text  string
	}{
		{"event", kit.RouteTo("/", events), `{"type":"say","id":1,"data":"` + long + `"}`},
		{"unknown event", kit.RouteTo("/", events), `{"type":"what","id":1,"data":"` + long + `"}`},
		{"long id", kit.RouteTo("/", events), `{"type":"say","id":"` + strings.Repeat("x", 60) + `"}`},
		{"message", kit.RouteTo("/", messages), long},
		{"not taken", kit.RouteTo("/", &kit.Hooks{}), long},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := kit.NewApp(t, &wsgate.Options{Use: []any{middleware}}, test.route)
			c := kit.Dial(t, app, "/")
			c.Say(test.text)
			c.Hear()
			for range 50 {
				runtime.GC()
				if seen.Value() == nil {
					return
				}
				runtime.Gosched()
			}
			t.Error("the message is still there")
		})
	}
}

type panickingMarshaler struct{}

func (panickingMarshaler) MarshalJSON() ([]byte, error) { panic("no JSON today") }

type panickingUnmarshaler struct{ X int }

func (*panickingUnmarshaler) UnmarshalJSON([]byte) error { panic("no JSON today") }

type panickingError struct{ x int }

func (panickingError) Error() string { panic("no text today") }

// A panic in code that encodes, decodes or prints is one in a handler.
func TestPanicsOutsideOfHandlers(t *testing.T) {
	for _, test := range []struct {
		name  string
		bound wsgate.Binding[kit.Data]
	}{
		{"answer", kit.Give("x", panickingMarshaler{})},
		{"nested answer", kit.Give("x", struct{ A any }{panickingMarshaler{}})},
		{"details", kit.Fail("x", &wsgate.Error{Code: wsgate.Invalid, Details: panickingMarshaler{}})},
		{"payload", kit.Echo[panickingUnmarshaler]("x")},
		{"event", kit.Push("y", panickingMarshaler{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := kit.Speak(t, test.bound)
			neighbour := kit.Dialed(t, c.App, "/")
			if test.name == "event" {
				c.Say(`{"type":"push y","id":1}`)
			} else {
				c.Say(`{"type":"x","id":1,"data":1}`)
			}
			c.Closed(websocket.StatusInternalError, "internal error")
			c.Logged(1, "no JSON today", "stack")
			neighbour.Say(`{"type":"?"}`)
			neighbour.Hears(`{"type":"error","code":"unknown_event","message":"unknown event \"?\""}`)
		})
	}
	t.Run("error", func(t *testing.T) {
		c := kit.Speak(t, kit.Fail("x", panickingError{1}))
		c.Asks(`{"type":"x","id":1}`, `{"type":"error","id":1,"code":"internal","message":"internal error"}`)
		c.Silent()
	})
}
