package wsgate_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// bomb is a payload that cannot be encoded.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("bomb") }

// bombError is an error whose nil pointer is not nil: the classic mistake.
type bombError struct{ err error }

func (e *bombError) Error() string { return e.err.Error() }
func (e *bombError) Unwrap() error { return e.err }

// What a hook returns runs code of the application as well: answers and details are encoded, errors are unwrapped. Its
// panics are like the hook's own.
func TestResultsPanic(t *testing.T) {
	const defuse wsgate.Call[string, bomb] = "defuse"
	tests := []struct {
		name string
		do   func() (bomb, error)
	}{
		{"answer", func() (bomb, error) { return bomb{}, nil }},
		{"details", func() (bomb, error) {
			return bomb{}, &wsgate.Error{Code: wsgate.Invalid, Message: "x", Details: bomb{}}
		}},
		{"error", func() (bomb, error) { return bomb{}, (*bombError)(nil) }},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			app := newApp(t, nil, routeTo("/ws", &eventGateway{table: wsgate.Events[testData]{
				wsgate.Answer(defuse, func(context.Context, *testConn, string) (bomb, error) { return test.do() }),
			}}))
			neighbour, victim := dial(t, app, "/ws"), dial(t, app, "/ws")
			victim.say(`{"type":"defuse","id":1}`)
			victim.closed(websocket.StatusInternalError, "internal error")
			if lines := app.log.with("ERROR", "panic_result_test.go"); len(lines) != 1 {
				t.Errorf("logged %q, want one panic with its stack", app.log.with())
			}
			neighbour.say(`{"type":"nobody","id":1}`)
			neighbour.hear()
		})
	}
	bubble(t, "error of OnOpen", func(t *testing.T) {
		app := newApp(t, nil, routeTo("/ws", &messageGateway{testHooks: testHooks{
			open: func(context.Context, *testConn) error { return (*bombError)(nil) },
		}}))
		dial(t, app, "/ws").closed(websocket.StatusInternalError, "internal error")
	})
	bubble(t, "error of OnUpgrade", func(t *testing.T) {
		app := newApp(t, nil, routeTo("/ws", &messageGateway{testHooks: testHooks{
			upgrade: func(*http.Request) (testData, error) { return testData{}, (*bombError)(nil) },
		}}))
		if resp := dialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("got status %d, want 500", resp.StatusCode)
		}
	})
}
