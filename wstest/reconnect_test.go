package wstest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

func TestExpectReconnect(t *testing.T) {
	for name, e := range map[string]wsgate.Envelope{"flat": {}, "nested": {Type: "event", Data: "data"}} {
		kit.Bubble(t, name, func(t *testing.T) {
			const echo wsgate.Call[int, int] = "echo"
			g := &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Echo[int](string(echo))}}
			app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", g)}}, wstest.With(&wsgate.Options{Envelope: e}))
			moves, stays, ignores := app.Dial("/"), app.Dial("/"), app.Dial("/")
			begun := time.Now()
			done := make(chan error, 1)
			go func() { done <- app.Shutdown(context.Background()) }()
			wstest.ExpectReconnect(moves)
			wstest.ExpectReconnect(stays)
			if got := wstest.Ask(moves, echo, 7); got != 7 {
				t.Errorf("got %d", got)
			}
			moves.Close(websocket.StatusNormalClosure, "")
			wstest.ExpectClose(ignores, websocket.StatusServiceRestart)
			if took := time.Since(begun).Truncate(10 * time.Millisecond); took != 2*time.Second {
				t.Errorf("a client that does not answer was closed after %v", took)
			}
			wstest.Quiet(stays)
			wstest.ExpectClose(stays, websocket.StatusServiceRestart)
			if err := <-done; err != nil || time.Since(begun).Truncate(10*time.Millisecond) != 5*time.Second {
				t.Errorf("Shutdown: %v after %v", err, time.Since(begun))
			}
			synctest.Wait()
		})
	}
}
