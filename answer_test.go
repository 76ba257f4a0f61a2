package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// Every request with an id gets exactly one answer, and none without.
func TestExactlyOneAnswer(t *testing.T) {
	const (
		fail    wsgate.Call[string, string]  = "fail"
		object  wsgate.Call[string, line]    = "object"
		pointer wsgate.Call[string, *line]   = "pointer"
		list    wsgate.Call[string, []int]   = "list"
		iface   wsgate.Call[string, any]     = "any"
		float   wsgate.Call[string, float64] = "float"
		typed   wsgate.Event[line]           = "typed"
	)
	table := wsgate.Events[kit.Data]{
		wsgate.On(poke, func(_ context.Context, _ *kit.Conn, s string) error {
			if s != "" {
				return errors.New(s)
			}
			return nil
		}),
		wsgate.On(typed, func(context.Context, *kit.Conn, line) error { return nil }),
		wsgate.Answer(ask, func(_ context.Context, _ *kit.Conn, s string) (string, error) { return s, nil }),
		wsgate.Answer(fail, func(_ context.Context, _ *kit.Conn, s string) (string, error) {
			switch s {
			case "wrapped":
				return "x", fmt.Errorf("failing: %w", wsgate.Errorf(wsgate.Conflict, "twice"))
			case "details":
				return "x", &wsgate.Error{Code: "own", Message: "m", Details: []int{1}}
			case "bad details":
				return "x", &wsgate.Error{Code: "own", Message: "m", Details: func() {}}
			case "nil":
				return "x", (*wsgate.Error)(nil)
			}
			return "x", errors.New("secret")
		}),
		wsgate.Answer(object, func(context.Context, *kit.Conn, string) (line, error) { return line{"ann", "hi"}, nil }),
		wsgate.Answer(pointer, func(context.Context, *kit.Conn, string) (*line, error) { return nil, nil }),
		wsgate.Answer(list, func(context.Context, *kit.Conn, string) ([]int, error) { return nil, nil }),
		wsgate.Answer(iface, func(context.Context, *kit.Conn, string) (any, error) { return nil, nil }),
		wsgate.Answer(float, func(context.Context, *kit.Conn, string) (float64, error) { return math.Inf(1), nil }),
	}
	const internal = `,"code":"internal","message":"internal error"}`
	tests := []struct {
		name    string
		message string
		want    string // with ID in place of the id; the first byte a "-" if there is none without an id
		logged  int
	}{
		{"event", `{"type":"poke","id":ID,"data":""}`, `-{"type":"poke","id":ID}`, 0},
		{"event that fails", `{"type":"poke","id":ID,"data":"secret"}`, `{"type":"error","id":ID` + internal, 1},
		{"answer", `{"type":"ask","id":ID,"data":"x"}`, `-{"type":"ask","id":ID,"data":"x"}`, 0},
		{"object", `{"type":"object","id":ID,"data":""}`, `-{"type":"object","id":ID,"from":"ann","text":"hi"}`, 0},
		{"nil pointer", `{"type":"pointer","id":ID,"data":""}`, `-{"type":"pointer","id":ID,"data":null}`, 0},
		{"nil slice", `{"type":"list","id":ID,"data":""}`, `-{"type":"list","id":ID,"data":null}`, 0},
		{"nil interface", `{"type":"any","id":ID,"data":""}`, "", 0},
		{"answer that is no JSON", `{"type":"float","id":ID,"data":""}`, `-{"type":"error","id":ID` + internal, 1},
		{"failure", `{"type":"fail","id":ID,"data":""}`, `{"type":"error","id":ID` + internal, 1},
		{"failure for the client", `{"type":"fail","id":ID,"data":"wrapped"}`, `{"type":"error","id":ID,"code":"conflict","message":"twice"}`, 0},
		{"failure with details", `{"type":"fail","id":ID,"data":"details"}`, `{"type":"error","id":ID,"code":"own","message":"m","details":[1]}`, 0},
		{"failure with details that are no JSON", `{"type":"fail","id":ID,"data":"bad details"}`, `{"type":"error","id":ID,"code":"own","message":"m"}`, 1},
		{"nil failure", `{"type":"fail","id":ID,"data":"nil"}`, `{"type":"error","id":ID` + internal, 1},
		{"unknown event", `{"type":"what","id":ID}`, `{"type":"error","id":ID,"code":"unknown_event","message":"unknown event \"what\""}`, 0},
		{"unknown and long", `{"type":"` + strings.Repeat("x", 2000) + `","id":ID}`, "", 0},
		{"wrong payload", `{"type":"typed","id":ID,"from":1}`, `{"type":"error","id":ID,"code":"invalid","message":"from is a number, want a string"}`, 0},
		{"no name", `{"id":ID}`, `{"type":"error","id":ID,"code":"malformed","message":"message has no \"type\""}`, 0},
		{"name is a number", `{"type":1,"id":ID}`, `{"type":"error","id":ID,"code":"malformed","message":"\"type\" is not a string"}`, 0},
	}
	for _, test := range tests {
		for _, id := range []string{`7`, `"seven"`, `-1.5e3`, ``} {
			kit.Bubble(t, test.name+" with id "+id, func(t *testing.T) {
				app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.EventGateway{Table: table}))
				c := kit.Dial(t, app, "/ws")
				message, want, silent := test.message, strings.TrimPrefix(test.want, "-"), strings.HasPrefix(test.want, "-")
				fill := strings.NewReplacer("ID", id)
				if id == "" {
					fill = strings.NewReplacer(`,"id":ID`, "", `"id":ID`, "")
				}
				c.Say(fill.Replace(message))
				c.Say(`{"type":"ask","id":"next","data":""}`)
				got := []string{c.Hear()}
				for got[len(got)-1] != `{"type":"ask","id":"next","data":""}` && !t.Failed() {
					got = append(got, c.Hear())
				}
				got = got[:len(got)-1]
				switch {
				case id == "" && test.want != "" && silent:
					if len(got) > 0 && !strings.Contains(got[0], `"error"`) {
						t.Errorf("got %q, want nothing", got)
					}
				case len(got) > 1 || len(got) == 0 && id != "":
					t.Errorf("got %d answers %.300q, want one", len(got), got)
				case test.want != "" && got[0] != fill.Replace(want):
					t.Errorf("got %s, want %s", got[0], fill.Replace(want))
				case id != "" && !strings.Contains(got[0], `"id":`+id):
					t.Errorf("got %.300s, want the id %s", got[0], id)
				}
				if lines := app.Log.With(); id != "" && len(lines) != test.logged {
					t.Errorf("logged %q, want %d lines", lines, test.logged)
				}
				if strings.Contains(strings.Join(got, " "), "secret") {
					t.Errorf("%s tells a secret", got)
				}
			})
		}
	}
}

// An id is that of one message. What has none is not answered with the id of the one before.
func TestIDIsOfOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kit.Dial(t, kit.NewApp(t, nil, eventRoute(new(kit.Journal))), "/events")
		for _, next := range []func(){
			func() { c.Write(t.Context(), websocket.MessageBinary, []byte("x")) },
			func() { c.Say(`{`) },
			func() { c.Say(`{"type":"unknown"}`) },
			func() { c.Say(`{"type":"ask","id":[1]}`) },
		} {
			c.Say(`{"type":"ask","id":"mine","data":""}`)
			c.Hears(`{"type":"ask","id":"mine","data":"!"}`)
			next()
			if got := c.Hear(); strings.Contains(got, "mine") {
				t.Errorf("got %s", got)
			}
		}
	})
}

// Instead of an answer there may be the end of the connection: then there is no other.
func TestPanicAnswersWithTheClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.EventGateway{Table: wsgate.Events[kit.Data]{
			wsgate.Answer(ask, func(_ context.Context, _ *kit.Conn, s string) (string, error) {
				if s == "panic" {
					panic("oh")
				}
				return s, nil
			}),
		}}))
		c := kit.DialRaw(t, app, "/ws")
		var burst []byte // all in one write
		for i := range 3 {
			burst = append(burst, wire.Masked(wire.Text, fmt.Appendf(nil, `{"type":"ask","id":%d,"data":"x"}`, i))...)
		}
		burst = append(burst, wire.Masked(wire.Text, []byte(`{"type":"ask","id":3,"data":"panic"}`))...)
		burst = append(burst, wire.Masked(wire.Text, []byte(`{"type":"ask","id":4,"data":"x"}`))...)
		c.Put(burst)
		got := strings.Join(c.Gone(kit.Patience), "\n")
		want := strings.Join([]string{
			`text {"type":"ask","id":0,"data":"x"}`, `text {"type":"ask","id":1,"data":"x"}`, `text {"type":"ask","id":2,"data":"x"}`,
			"close 1011 internal error",
		}, "\n")
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// What a hook returns decides what the client sees. A gateway without events speaks errors as well.
func TestWhatAHandlerReturns(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		want   string // a message, after which the connection goes on
		code   websocket.StatusCode
		logged int
	}{
		{"error for the client", wsgate.Errorf(wsgate.RateLimited, "slow %s", "down"), `{"type":"error","code":"rate_limited","message":"slow down"}`, 0, 0},
		{"wrapped", fmt.Errorf("x: %w", wsgate.Errorf(wsgate.RateLimited, "m")), `{"type":"error","code":"rate_limited","message":"m"}`, 0, 0},
		{"any other", errors.New("secret"), `{"type":"error","code":"internal","message":"internal error"}`, 0, 1},
		{"cancelled by itself", context.Canceled, `{"type":"error","code":"internal","message":"internal error"}`, 0, 1},
		{"close error", websocket.CloseError{Code: 4000, Reason: "r"}, "", 4000, 0},
		{"joined close error", errors.Join(errors.New("x"), websocket.CloseError{Code: 4000, Reason: "r"}), "", 4000, 0},
		{"normal close", websocket.CloseError{Code: 1000}, "", 1000, 0},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
				if string(m.Data) == "fail" {
					return test.err
				}
				return c.Send(m)
			}}))
			c := kit.Dial(t, app, "/ws")
			c.Say("fail")
			if test.code != 0 {
				c.Closed(test.code, "")
			} else {
				c.Hears(test.want)
				c.Say("go on")
				c.Hears("go on")
			}
			synctest.Wait()
			if lines := app.Log.With(); len(lines) != test.logged {
				t.Errorf("logged %q, want %d lines", lines, test.logged)
			}
		})
	}
}
