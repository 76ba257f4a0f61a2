package wstest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/wsgate/wsgate"
)

const (
	Price    wsgate.Call[string, int]                = "price"
	Order    wsgate.Event[string]                    = "order"
	Ordered  wsgate.Event[string]                    = "ordered"
	Visitors wsgate.Event[wsgate.Presence[struct{}]] = "visitors"
)

// shop is the gateway of the examples.
type shop struct{}

func (*shop) OnUpgrade(r *http.Request) (reader, error) { return reader(r.FormValue("name")), nil }

func (*shop) OnOpen(_ context.Context, c *wsgate.Conn[reader]) error { return c.Join("shop") }

func (*shop) Events() wsgate.Events[reader] {
	return wsgate.Events[reader]{
		wsgate.Track(Visitors, func(*wsgate.Conn[reader], string) (struct{}, bool) { return struct{}{}, true }),
		wsgate.Answer(Price, func(_ context.Context, _ *wsgate.Conn[reader], what string) (int, error) { return len(what), nil }),
		wsgate.On(Order, func(_ context.Context, c *wsgate.Conn[reader], what string) error {
			return Ordered.Emit(c.Room("shop"), what)
		}),
	}
}

var shopModule = &wsgate.Module{Gateways: []wsgate.Route{{Path: "/shop", New: func() *shop { return &shop{} }}}}

// run runs the test of an example, which has no testing.T, and prints how it ended.
func run(test func(testing.TB)) {
	if failure := failureOf(test); failure != "" {
		fmt.Println(failure)
		return
	}
	fmt.Println("ok")
}
