package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// An answer or an error that does not fit into the queue is answered with an error that does, and is logged.
func TestAnswersThatDoNotFit(t *testing.T) {
	const most = 1000
	large := strings.Repeat("x", 2*most)
	const internal = `{"type":"error","id":1,"code":"internal","message":"internal error"}`
	for _, tc := range []struct {
		name  string
		bound wsgate.Binding[kit.Data]
		want  string
	}{
		{"answer", kit.Give("x", large), internal},
		{"object", kit.Give("x", struct{ Text string }{large}), internal},
		{"details", kit.Fail("x", &wsgate.Error{Code: wsgate.Invalid, Message: "no", Details: large}), `{"type":"error","id":1,"code":"invalid","message":"no"}`},
		{"message", kit.Fail("x", &wsgate.Error{Code: wsgate.Invalid, Message: large}), internal},
		{"both", kit.Fail("x", &wsgate.Error{Code: wsgate.Invalid, Message: large, Details: large}), internal},
	} {
		kit.Bubble(t, tc.name, func(t *testing.T) {
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueBytes: most}}, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{tc.bound}}))
			c := kit.SpeakTo(t, app)
			c.Asks(`{"type":"x","id":1}`, tc.want)
			c.Logged(1, "ERROR", "limit exceeded")
			c.Silent()
		})
	}
	kit.Bubble(t, "nothing fits", func(t *testing.T) {
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueBytes: 10}}, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Give("x", large)}}))
		c := kit.Dial(t, app, "/")
		c.Say(`{"type":"x","id":1}`)
		c.Closed(1011, "internal error")
	})
}

// Clients decide neither how much is logged nor how often.
func TestClientsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 400
		refusal := errors.New("not now")
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: math.MaxInt}, Use: []any{func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				if in.Hook == wsgate.HookEvent {
					return fmt.Errorf("%w: %s", refusal, in.Event)
				}
				return next(ctx, c, in)
			}
		}}}, kit.RouteTo("/", &kit.EventGateway{}))
		c := kit.Dial(t, app, "/")
		go c.Rest()
		name := strings.Repeat("n", 60_000)
		for range messages {
			c.Say(`{"type":"` + name + `"}`)
		}
		synctest.Wait()
		const burst = 100
		lines := app.Log.With("not now")
		if len(lines) != burst {
			t.Errorf("%d lines for %d messages at once, want %d", len(lines), messages, burst)
		}
		for _, line := range lines {
			if len(line) > 4<<10 {
				t.Fatalf("a line of %d bytes for an event's name of %d", len(line), len(name))
			}
		}
		wstest.Pass(time.Second)
		c.Say(`{"type":"x"}`)
		synctest.Wait()
		if got := app.Log.With("not now", fmt.Sprintf("suppressed=%d", messages-burst)); len(got) != 1 {
			t.Errorf("the next line does not tell how many are missing: %q", app.Log.With("suppressed"))
		}
		for range burst {
			c.Say(`{"type":"x"}`)
		}
		synctest.Wait()
		if err := app.End(); err != nil {
			t.Error(err)
		}
		if got := app.Log.With("left out of the log", "event handler failed"); len(got) != 1 {
			t.Errorf("the end does not tell how many are missing: %q", app.Log.With("left out"))
		}
	})
}
