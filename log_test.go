package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// An answer or an error that does not fit into the queue is answered with an error that does, and is logged.
func TestAnswersThatDoNotFit(t *testing.T) {
	const most = 1000
	large := strings.Repeat("x", 2*most)
	const internal = `{"type":"error","id":1,"code":"internal","message":"internal error"}`
	for _, tc := range []struct {
		name  string
		bound wsgate.Binding[testData]
		want  string
	}{
		{"answer", give("x", large), internal},
		{"object", give("x", struct{ Text string }{large}), internal},
		{"details", fail("x", &wsgate.Error{Code: wsgate.Invalid, Message: "no", Details: large}), `{"type":"error","id":1,"code":"invalid","message":"no"}`},
		{"message", fail("x", &wsgate.Error{Code: wsgate.Invalid, Message: large}), internal},
		{"both", fail("x", &wsgate.Error{Code: wsgate.Invalid, Message: large, Details: large}), internal},
	} {
		bubble(t, tc.name, func(t *testing.T) {
			app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueBytes: most}}, routeTo("/", &eventGateway{table: wsgate.Events[testData]{tc.bound}}))
			c := &spoken{dialed(t, app, "/"), app}
			c.asks(`{"type":"x","id":1}`, tc.want)
			c.logged(1, "ERROR", "limit exceeded")
			c.silent()
		})
	}
	bubble(t, "nothing fits", func(t *testing.T) {
		app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueBytes: 10}}, routeTo("/", &eventGateway{table: wsgate.Events[testData]{give("x", large)}}))
		c := dial(t, app, "/")
		c.say(`{"type":"x","id":1}`)
		c.closed(1011, "internal error")
	})
}

// Clients decide neither how much is logged nor how often.
func TestClientsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 1000
		refusal := errors.New("not now")
		app := newApp(t, &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				if in.Hook == wsgate.HookEvent {
					return fmt.Errorf("%w: %s", refusal, in.Event)
				}
				return next(ctx, c, in)
			}
		}}}, routeTo("/", &eventGateway{}))
		c := dial(t, app, "/")
		go c.rest()
		name := strings.Repeat("n", 60_000)
		for range messages {
			c.say(`{"type":"` + name + `"}`)
		}
		synctest.Wait()
		const burst = 100
		lines := app.log.with("not now")
		if len(lines) != burst {
			t.Errorf("%d lines for %d messages at once, want %d", len(lines), messages, burst)
		}
		for _, line := range lines {
			if len(line) > 4<<10 {
				t.Fatalf("a line of %d bytes for an event's name of %d", len(line), len(name))
			}
		}
		wstest.Pass(time.Second)
		c.say(`{"type":"x"}`)
		synctest.Wait()
		if got := app.log.with("not now", fmt.Sprintf("suppressed=%d", messages-burst)); len(got) != 1 {
			t.Errorf("the next line does not tell how many are missing: %q", app.log.with("suppressed"))
		}
		for range burst {
			c.say(`{"type":"x"}`)
		}
		synctest.Wait()
		if err := app.shutdown(); err != nil {
			t.Error(err)
		}
		if got := app.log.with("left out of the log", "event handler failed"); len(got) != 1 {
			t.Errorf("the end does not tell how many are missing: %q", app.log.with("left out"))
		}
	})
}
