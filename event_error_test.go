package wsgate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

type cyclic struct{ Next *cyclic }

type badMarshaler struct{ wrong string }

func (b badMarshaler) MarshalJSON() ([]byte, error) { return []byte(b.wrong), nil }

type failingMarshaler struct{}

func (failingMarshaler) MarshalJSON() ([]byte, error) { return nil, errOfService }

func TestAnswersThatCannotBeEncoded(t *testing.T) {
	loop := &cyclic{}
	loop.Next = loop
	bindings := map[string]wsgate.Binding[testData]{
		"NaN":      give("NaN", math.NaN()),
		"infinite": give("infinite", []float64{math.Inf(1)}),
		"chan":     give[any]("chan", make(chan int)),
		"func":     give[any]("func", func() {}),
		"complex":  give("complex", struct{ C any }{complex64(1)}),
		"cycle":    give("cycle", loop),
		"bad JSON": give("bad JSON", badMarshaler{`{"a":`}),
		"two":      give("two", badMarshaler{`1 2`}),
		"failing":  give("failing", failingMarshaler{}),
		"no UTF-8": give("no UTF-8", badMarshaler{"\"\xff\""}),
		"raw":      give("raw", map[string]json.RawMessage{"a": json.RawMessage("\"\xed\xa0\x80\"")}),
		"inside":   give("inside", map[string]any{"a": math.NaN()}),
	}
	for name, bound := range bindings {
		t.Run(name, func(t *testing.T) {
			c := speak(t, bound, give("next", 1))
			c.asks(`{"type":"`+name+`","id":7}`, `{"type":"error","id":7,"code":"internal","message":"internal error"}`)
			c.logged(1, `event=`+name)
			c.asks(`{"type":"next","id":8}`, `{"type":"next","id":8,"data":1}`)
			c.logged(1)
			c.say(`{"type":"` + name + `"}`) // nobody waits for it
			c.silent()
		})
	}
}

func TestEmitThatCannotBeEncoded(t *testing.T) {
	failed := make(chan error, 1)
	c := speak(t, wsgate.On(tickTock, func(_ context.Context, c *testConn, _ struct{}) error {
		failed <- wsgate.Event[float64]("price").Emit(c, math.NaN())
		return nil
	}))
	c.say(`{"type":"tick"}`)
	checkText(t, wellFormed(t, <-failed), "price", "NaN")
	for _, to := range []wsgate.Target{c.app.Hub(), c.app.Hub().At("/"), c.app.Hub().At("/").Room("x")} {
		if err := wsgate.Event[chan int]("pipe").Emit(to, nil); err == nil {
			t.Errorf("Emit of a chan to %T returned nil", to)
		}
		if err := wsgate.Event[failingMarshaler]("own").Emit(to, failingMarshaler{}); !errors.Is(err, errOfService) {
			t.Errorf("Emit to %T: got %v, want the marshaler's own error inside", to, err)
		}
	}
	c.silent()
}

func TestErrors(t *testing.T) {
	own := wsgate.Errorf(wsgate.Conflict, "name %q is taken", "ann")
	detailed := &wsgate.Error{Code: "my_own", Message: "no", Details: map[string]any{"left": 3, "at": []int{1}}}
	var nilError *wsgate.Error
	c := speak(t, fail("own", own), fail("wrapped", fmt.Errorf("saving: %w", own)), fail("joined", errors.Join(errOfService, own)),
		fail("detailed", detailed), fail("plain", errOfService), fail("typed nil", nilError), fail("secret", fmt.Errorf("password %d", 12345)),
		fail("bad details", &wsgate.Error{Code: wsgate.Invalid, Message: "no", Details: math.NaN()}),
		fail("markup", wsgate.Errorf(wsgate.Invalid, "<b>\n\x00\"")), fail("empty", &wsgate.Error{}),
		wsgate.Answer(askHistory, func(context.Context, *testConn, historyQuery) ([]chatLine, error) { return []chatLine{{}}, own }))
	for _, test := range []struct{ name, want string }{
		{"own", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"wrapped", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"joined", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"history", `"code":"conflict","message":"name \"ann\" is taken"`},
		{"detailed", `"code":"my_own","message":"no","details":{"at":[1],"left":3}`},
		{"markup", `"code":"invalid","message":"\u003cb\u003e\n\u0000\""`},
		{"empty", `"code":"","message":""`},
	} {
		c.asks(`{"type":"`+test.name+`","id":1}`, `{"type":"error","id":1,`+test.want+`}`)
		c.asks(`{"type":"`+test.name+`"}`, `{"type":"error",`+test.want+`}`)
	}
	c.logged(0)
	c.asks(`{"type":"bad details","id":1}`, `{"type":"error","id":1,"code":"invalid","message":"no"}`)
	c.logged(1, "details", "NaN")
	for _, name := range []string{"plain", "typed nil", "secret"} {
		c.asks(`{"type":"`+name+`","id":1}`, `{"type":"error","id":1,"code":"internal","message":"internal error"}`)
		c.logged(1, "event="+name)
	}
	c.logged(1, "the disk is full")
	c.logged(1, "password 12345")
	c.logged(4)
	c.silent()
}

func TestCloseErrorCloses(t *testing.T) {
	c := speak(t, fail("bye", fmt.Errorf("over: %w", websocket.CloseError{Code: 4001, Reason: "bye"})))
	c.say(`{"type":"bye","id":1}`)
	c.closed(4001, "bye")
	c.logged(0)
}
