package wsgate_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// An event with a limit is refused beyond it; its payload is not decoded then. Other events and other connections are
// none the worse.
func TestAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled, seen := 0, 0
		see := func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				err := next(ctx, c, in)
				if own := new(wsgate.Error); errors.As(err, &own) && own.Code == wsgate.RateLimited && in.Event == "say" {
					seen++
				}
				return err
			}
		}
		say := wsgate.On("say", func(context.Context, *kit.Conn, string) error { handled++; return nil })
		app := kit.NewApp(t, &wsgate.Options{Use: []any{see}}, ratedGateway(new(int), say.AtMost(3, time.Second), kit.Give("know", 1).AtMost(1, time.Minute)))
		c, other := dialRated(t, app), dialRated(t, app)
		ask := func(c *rated, message string, want ...string) {
			t.Helper()
			if got := c.sends(text(message)); count(got, want...) != 1 || len(got) != 1 {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		for range 3 {
			ask(c, `{"type":"say","id":1,"data":"x"}`, `{"type":"say","id":1}`)
		}
		refused := `{"type":"error","id":1,"code":"rate_limited","message":"say: at most 3 in 1s","details":{"retryAfterMs":334}}`
		ask(c, `{"type":"say","id":1,"data":"x"}`, refused)
		ask(c, `{"type":"say","id":1,"data":7}`, refused)
		ask(c, `{"type":"poke","id":2}`, `{"type":"poke","id":2}`)
		ask(c, `{"type":"know","id":3}`, `"data":1`)
		ask(c, `{"type":"know","id":3}`, `know: at most 1 in 1m0s`, `"retryAfterMs":60000`)
		ask(other, `{"type":"say","id":1,"data":"x"}`, `{"type":"say","id":1}`)
		wstest.Pass(334 * time.Millisecond)
		ask(c, `{"type":"say","id":1,"data":"x"}`, `{"type":"say","id":1}`)
		if handled != 5 || seen != 2 {
			t.Errorf("%d handled, %d seen by middleware, want 5 and 2", handled, seen)
		}
		// Without ids, one in a second is answered.
		wstest.Pass(5 * time.Second)
		if got := c.sends(bytes.Repeat(text(`{"type":"say","data":"x"}`), 50)); count(got, "rate_limited") != 1 || handled != 8 {
			t.Errorf("got %q; %d handled", got, handled)
		}
		for _, c := range []*rated{c, other} {
			c.sends(kit.CloseFrame(1000, ""))
			<-c.read
		}
	})
}

// A limit that cannot be meant is a mistake, with the line in the table.
func TestAtMostMistakes(t *testing.T) {
	for _, test := range []struct {
		binding wsgate.Binding[guest]
		want    []string
	}{
		{wsgate.On("say", ignore[string]()).AtMost(0, time.Second), []string{`event "say" has AtMost(0, 1s)`, "above 0", "atmost_test.go:"}},
		{wsgate.On("say", ignore[string]()).AtMost(1, -time.Second), []string{`event "say" has AtMost(1, -1s)`, "above 0"}},
		{wsgate.Answer("ask", know[string, int]()).AtMost(-1, 0), []string{`event "ask" has AtMost(-1, 0s)`, "above 0"}},
		{
			wsgate.Track("here", func(*wsgate.Conn[guest], string) (int, bool) { return 0, true }).AtMost(1, time.Second),
			[]string{`event "here" is tracked and has an AtMost`, "remove it"},
		},
	} {
		kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(test.binding)), nil), test.want...)
	}
}

func TestAtMostIsExplained(t *testing.T) {
	app := kit.NewApp(t, nil, ratedGateway(new(int), kit.Echo[string]("ask").AtMost(5, time.Second)))
	var out strings.Builder
	if err := app.Explain(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "at most 5 in 1s") {
		t.Errorf("got\n%s", out.String())
	}
	if e := app.Routes()[0].Events[0]; e.Name != "ask" || e.AtMost != 5 || e.Per != time.Second {
		t.Errorf("got %+v", e)
	}
	if e := app.Routes()[0].Events[1]; e.AtMost != 0 || e.Per != 0 {
		t.Errorf("got %+v", e)
	}
}
