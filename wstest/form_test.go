package wstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// card has a field with the name of one of the envelope's keys.
type card struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

const (
	swap     wsgate.Call[card, card] = "swap"
	swapped  wsgate.Event[card]      = "swapped"
	describe wsgate.Call[any, any]   = "describe"
	anything wsgate.Event[any]       = "anything"
)

type board struct{}

func (board) Events() wsgate.Events[member] {
	return wsgate.Events[member]{
		wsgate.Answer(swap, func(_ context.Context, c *conn, in card) (card, error) {
			in.ID = -in.ID
			return in, swapped.Emit(c, in)
		}),
		wsgate.Answer(describe, func(_ context.Context, c *conn, in any) (any, error) {
			return fmt.Sprint(in), anything.Emit(c, in)
		}),
	}
}

// A payload stands where its type wants it, in whatever form: of an interface nobody knows what it holds.
func TestFormsOfPayloads(t *testing.T) {
	for name, envelope := range map[string]wsgate.Envelope{"flat": {}, "nested": {Data: "data"}, "renamed": {Type: "title", ID: "ref"}} {
		t.Run(name, func(t *testing.T) {
			c := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() board { return board{} }, Envelope: envelope}}}).Dial("/")
			want := card{-7, "x"}
			if got := wstest.Ask(c, swap, card{7, "x"}); got != want {
				t.Errorf("got the answer %v, want %v", got, want)
			}
			if got := wstest.Next(c, swapped); got != want {
				t.Errorf("got the event %v, want %v", got, want)
			}
			for _, payload := range []any{card{7, "x"}, map[string]any{"a": json.Number("1")}, "x", nil} {
				var want any = payload
				if _, ok := payload.(card); ok {
					want = map[string]any{"id": json.Number("7"), "title": "x"}
				}
				if got := wstest.Ask(c, describe, payload); got != fmt.Sprint(want) {
					t.Errorf("got the answer %v, want %v", got, want)
				}
				if got := wstest.Next(c, anything); !reflect.DeepEqual(got, want) {
					t.Errorf("got the event %v, want %v", got, want)
				}
			}
		})
	}
}
