package wsgate_test

import (
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

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
		bound wsgate.Binding[testData]
	}{
		{"answer", give("x", panickingMarshaler{})},
		{"nested answer", give("x", struct{ A any }{panickingMarshaler{}})},
		{"details", fail("x", &wsgate.Error{Code: wsgate.Invalid, Details: panickingMarshaler{}})},
		{"payload", echo[panickingUnmarshaler]("x")},
		{"event", push("y", panickingMarshaler{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := speak(t, test.bound)
			neighbour := dialed(t, c.app, "/")
			if test.name == "event" {
				c.say(`{"type":"push y","id":1}`)
			} else {
				c.say(`{"type":"x","id":1,"data":1}`)
			}
			c.closed(websocket.StatusInternalError, "internal error")
			c.logged(1, "no JSON today", "stack")
			neighbour.say(`{"type":"?"}`)
			neighbour.hears(`{"type":"error","code":"unknown_event","message":"unknown event \"?\""}`)
		})
	}
	t.Run("error", func(t *testing.T) {
		c := speak(t, fail("x", panickingError{1}))
		c.asks(`{"type":"x","id":1}`, `{"type":"error","id":1,"code":"internal","message":"internal error"}`)
		c.silent()
	})
}
