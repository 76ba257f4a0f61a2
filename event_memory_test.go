package wsgate_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/wsgate/wsgate"
)

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
	events := &eventGateway{table: wsgate.Events[testData]{
		wsgate.On(wsgate.Event[string]("say"), func(context.Context, *testConn, string) error { return nil }),
	}}
	messages := &messageGateway{message: func(_ context.Context, c *testConn, _ wsgate.Message) error { return c.Send(wsgate.Text("ok")) }}
	for _, test := range []struct {
		name  string
		route wsgate.Route
		text  string
	}{
		{"event", routeTo("/", events), `{"type":"say","id":1,"data":"` + long + `"}`},
		{"unknown event", routeTo("/", events), `{"type":"what","id":1,"data":"` + long + `"}`},
		{"long id", routeTo("/", events), `{"type":"say","id":"` + strings.Repeat("x", 60) + `"}`},
		{"message", routeTo("/", messages), long},
		{"not taken", routeTo("/", &testHooks{}), long},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := newApp(t, &wsgate.Options{Use: []any{middleware}}, test.route)
			c := dial(t, app, "/")
			c.say(test.text)
			c.hear()
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
