package wsgate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// Past Limits.Connections upgrades are refused; every place is given back, however it was taken.
func TestConnectionsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		g := &kit.MessageGateway{Hooks: kit.Hooks{
			Upgrade: func(r *http.Request) (kit.Data, error) {
				switch r.FormValue("name") {
				case "wait":
					<-proceed
				case "refuse":
					return kit.Data{}, wsgate.Errorf(wsgate.Denied, "no")
				case "panic":
					panic("oh")
				}
				return kit.Data{Name: r.FormValue("name")}, nil
			},
			Open: func(_ context.Context, c *kit.Conn) error {
				if c.Data.Name == "fail" {
					return errors.New("no")
				}
				return nil
			},
		}}
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Connections: 3}}, kit.RouteTo("/ws", g), kit.RouteTo("/other", &kit.MessageGateway{}))
		full := func() {
			t.Helper()
			synctest.Wait()
			for _, path := range []string{"/ws", "/other"} {
				resp := kit.DialRefused(t, app, path, nil)
				if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
					t.Errorf("got status %d, header %v, want 503 with Retry-After", resp.StatusCode, resp.Header)
				}
			}
		}
		first, second := kit.Dial(t, app, "/ws"), kit.Dial(t, app, "/other")
		upgraded := make(chan *kit.Client)
		go func() { upgraded <- kit.Dial(t, app, "/ws?name=wait") }() // an upgrade takes a place already
		full()
		close(proceed)
		third := <-upgraded
		full()
		for _, end := range []func(){
			func() { first.CloseNow() },
			func() { second.Close(websocket.StatusNormalClosure, "") },
			func() { third.CloseNow() },
		} {
			end()
			synctest.Wait()
			for range 5 { // what comes to nothing keeps no place
				kit.DialRefused(t, app, "/ws?name=refuse", nil)
				kit.DialRefused(t, app, "/ws?name=panic", nil)
				kit.DialRefused(t, app, "/ws", http.Header{"Origin": {"https://evil.example"}})
				kit.DialRefused(t, app, "/other", http.Header{"Sec-Websocket-Protocol": {"unknown"}})
				kit.Dial(t, app, "/ws?name=fail").Rest()
				synctest.Wait()
			}
			kit.Dial(t, app, "/ws")
			full()
		}
	})
}

// Eight messages in a row that are no envelopes close the connection; a good one in between begins anew.
func TestMalformedMessagesInARow(t *testing.T) {
	malformed := []string{`{`, ``, `[]`, `"x"`, `{"type":1}`, `{"type":"poke"} {}`, `{"type":"poke","type":"poke"}`, `null`, ` `, `{"id":1}`}
	app := func(t *testing.T, most int) *kit.App {
		return kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Malformed: most}}, eventRoute(new(kit.Journal)))
	}
	answers := func(messages []string, want int) error {
		if len(messages) != want {
			return fmt.Errorf("%d answers, want %d", len(messages), want)
		}
		for _, m := range messages {
			if !strings.HasPrefix(m, `{"type":"error",`) || !strings.Contains(m, `"code":"malformed"`) {
				return fmt.Errorf("answer %s, want an error with the code malformed", m)
			}
		}
		return nil
	}
	for _, test := range []struct{ most, want int }{{0, 8}, {1, 1}, {3, 3}} {
		kit.Bubble(t, fmt.Sprint(test.want, " in a row"), func(t *testing.T) {
			c := kit.Dial(t, app(t, test.most), "/events")
			go func() {
				for i := range 20 {
					c.Write(context.Background(), websocket.MessageText, []byte(malformed[i%len(malformed)]))
				}
			}()
			messages, end := c.Rest()
			if err := answers(messages, test.want); err != nil {
				t.Error(err)
			}
			if end.Code != websocket.StatusPolicyViolation {
				t.Errorf("got end %v, want 1008", end)
			}
		})
	}
	for _, good := range []string{`{"type":"poke","data":""}`, `{"type":"unknown"}`} {
		kit.Bubble(t, "with a good one in between: "+good, func(t *testing.T) {
			c := kit.Dial(t, app(t, 0), "/events")
			for range 5 {
				for i := range 7 {
					c.Say(malformed[i])
					if err := answers([]string{c.Hear()}, 1); err != nil {
						t.Error(err)
					}
				}
				c.Say(good)
				if strings.Contains(good, "unknown") {
					c.Hear()
				}
			}
			c.Close(websocket.StatusNormalClosure, "")
		})
	}
}

// Budgets that a parser does not see end the connection, with their code and ErrLimit.
func TestInboundBudgets(t *testing.T) {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	tests := []struct {
		name   string
		limits wsgate.Limits
		fine   []byte // handled as one message, or none
		bad    []byte
		close  string
	}{
		{
			"size",
			wsgate.Limits{Message: 100},
			wire.Masked(wire.Text, make([]byte, 100)), wire.Masked(wire.Text, make([]byte, 101)),
			"close 1009 message over 100 bytes",
		},
		{
			"size in pieces",
			wsgate.Limits{Message: 10},
			join(wire.Masked(0x01, make([]byte, 5)), wire.Masked(0x00, nil), wire.Masked(0x80, make([]byte, 5))),
			join(wire.Masked(0x01, make([]byte, 5)), wire.Masked(0x80, make([]byte, 6))), "close 1009 message over 10 bytes",
		},
		{
			"frames",
			wsgate.Limits{MessageFrames: 3},
			join(wire.Masked(0x01, nil), wire.Masked(0x00, nil), wire.Masked(0x80, nil)),
			join(wire.Masked(0x01, nil), wire.Masked(0x00, nil), wire.Masked(0x00, nil), wire.Masked(0x80, nil)),
			"close 1008 message in too many frames",
		},
		{
			"bytes on the wire",
			wsgate.Limits{Message: 100, MessageWire: 30},
			wire.Masked(wire.Text, make([]byte, 24)),
			wire.Masked(wire.Text, make([]byte, 25)), "close 1009 message too long on the wire",
		},
		{
			"control frames",
			wsgate.Limits{},
			join(bytes.Repeat(wire.Masked(wire.Ping, nil), 64), wire.Masked(wire.Text, nil)),
			bytes.Repeat(wire.Masked(wire.Pong, nil), 65), "close 1008 too many control frames",
		},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var happened kit.Journal
			g := &kit.MessageGateway{
				Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) {
					happened.Add("OnClose %v", kit.IsError(wsgate.ErrLimit)(err))
				}},
				Message: func(_ context.Context, _ *kit.Conn, m wsgate.Message) error { happened.Add("message"); return nil },
			}
			app := kit.NewApp(t, &wsgate.Options{Limits: test.limits}, kit.RouteTo("/ws", g))
			for i, send := range [][]byte{test.fine, test.bad} {
				c := kit.DialRaw(t, app, "/ws")
				var frames kit.Journal
				read := make(chan struct{})
				go func() { c.ReadOn(&frames); close(read) }()
				c.SetWriteDeadline(time.Now().Add(kit.Patience))
				c.Write(send)
				wstest.Pass(time.Second)
				if i == 0 {
					happened.Want(t, "message")
					c.Put(kit.CloseFrame(1000, ""))
					<-read
					synctest.Wait()
					frames.Want(t, "close 1000 ")
					happened.Want(t, "message", "OnClose false")
				} else {
					<-read
					synctest.Wait()
					frames.Want(t, test.close)
					happened.Want(t, "message", "OnClose false", "OnClose true")
				}
			}
		})
	}
	// The control frames that may come per second: the burst fills up again.
	kit.Bubble(t, "control frames, at their rate", func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
		c := kit.DialRaw(t, app, "/ws")
		var frames kit.Journal
		go c.ReadOn(&frames)
		for range 100 {
			for range 31 {
				c.Put(wire.Masked(wire.Ping, nil))
			}
			wstest.Pass(time.Second)
		}
		frames.Want(t)
	})
	kit.Bubble(t, "time", func(t *testing.T) {
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Ping: time.Hour}}, kit.RouteTo("/ws", &kit.MessageGateway{}))
		c := kit.DialRaw(t, app, "/ws")
		var frames kit.Journal
		ended := make(chan time.Time, 1)
		go func() { c.ReadOn(&frames); ended <- time.Now() }()
		dribble := wire.Masked(wire.Text, make([]byte, 100))
		for _, each := range []time.Duration{time.Second / 5, time.Second} { // in 21 s, and too slowly
			begun := time.Now()
			for i := range dribble {
				c.SetWriteDeadline(time.Now().Add(time.Second))
				if _, err := c.Write(dribble[i : i+1]); err != nil {
					break
				}
				wstest.Pass(each)
			}
			if each == time.Second {
				if took := (<-ended).Sub(begun); took < 30*time.Second || took > 36*time.Second {
					t.Errorf("closed after %v, want 30 s", took)
				}
			}
		}
		frames.Want(t, "text "+string(make([]byte, 100)), "close 1013 message took too long")
	})
}
