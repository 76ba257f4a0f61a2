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
	"github.com/wsgate/wsgate/wstest"
)

// Past Limits.Connections upgrades are refused; every place is given back, however it was taken.
func TestConnectionsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		g := &messageGateway{testHooks: testHooks{
			upgrade: func(r *http.Request) (testData, error) {
				switch r.FormValue("name") {
				case "wait":
					<-proceed
				case "refuse":
					return testData{}, wsgate.Errorf(wsgate.Denied, "no")
				case "panic":
					panic("oh")
				}
				return testData{name: r.FormValue("name")}, nil
			},
			open: func(_ context.Context, c *testConn) error {
				if c.Data.name == "fail" {
					return errors.New("no")
				}
				return nil
			},
		}}
		app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{Connections: 3}}, routeTo("/ws", g), routeTo("/other", &messageGateway{}))
		full := func() {
			t.Helper()
			synctest.Wait()
			for _, path := range []string{"/ws", "/other"} {
				resp := dialRefused(t, app, path, nil)
				if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
					t.Errorf("got status %d, header %v, want 503 with Retry-After", resp.StatusCode, resp.Header)
				}
			}
		}
		first, second := dial(t, app, "/ws"), dial(t, app, "/other")
		upgraded := make(chan *testClient)
		go func() { upgraded <- dial(t, app, "/ws?name=wait") }() // an upgrade takes a place already
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
				dialRefused(t, app, "/ws?name=refuse", nil)
				dialRefused(t, app, "/ws?name=panic", nil)
				dialRefused(t, app, "/ws", http.Header{"Origin": {"https://evil.example"}})
				dialRefused(t, app, "/other", http.Header{"Sec-Websocket-Protocol": {"unknown"}})
				dial(t, app, "/ws?name=fail").rest()
				synctest.Wait()
			}
			dial(t, app, "/ws")
			full()
		}
	})
}

// Eight messages in a row that are no envelopes close the connection; a good one in between begins anew.
func TestMalformedMessagesInARow(t *testing.T) {
	malformed := []string{`{`, ``, `[]`, `"x"`, `{"type":1}`, `{"type":"poke"} {}`, `{"type":"poke","type":"poke"}`, `null`, ` `, `{"id":1}`}
	app := func(t *testing.T, most int) *testApp {
		return newApp(t, &wsgate.Options{Limits: wsgate.Limits{Malformed: most}}, eventRoute(new(journal)))
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
		bubble(t, fmt.Sprint(test.want, " in a row"), func(t *testing.T) {
			c := dial(t, app(t, test.most), "/events")
			go func() {
				for i := range 20 {
					c.Write(context.Background(), websocket.MessageText, []byte(malformed[i%len(malformed)]))
				}
			}()
			messages, end := c.rest()
			if err := answers(messages, test.want); err != nil {
				t.Error(err)
			}
			if end.Code != websocket.StatusPolicyViolation {
				t.Errorf("got end %v, want 1008", end)
			}
		})
	}
	for _, good := range []string{`{"type":"poke"}`, `{"type":"unknown"}`} {
		bubble(t, "with a good one in between: "+good, func(t *testing.T) {
			c := dial(t, app(t, 0), "/events")
			for range 5 {
				for i := range 7 {
					c.say(malformed[i])
					if err := answers([]string{c.hear()}, 1); err != nil {
						t.Error(err)
					}
				}
				c.say(good)
				if strings.Contains(good, "unknown") {
					c.hear()
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
			clientFrame(frameText, make([]byte, 100)), clientFrame(frameText, make([]byte, 101)),
			"close 1009 message over 100 bytes",
		},
		{
			"size in pieces",
			wsgate.Limits{Message: 10},
			join(clientFrame(0x01, make([]byte, 5)), clientFrame(0x00, nil), clientFrame(0x80, make([]byte, 5))),
			join(clientFrame(0x01, make([]byte, 5)), clientFrame(0x80, make([]byte, 6))), "close 1009 message over 10 bytes",
		},
		{
			"frames",
			wsgate.Limits{MessageFrames: 3},
			join(clientFrame(0x01, nil), clientFrame(0x00, nil), clientFrame(0x80, nil)),
			join(clientFrame(0x01, nil), clientFrame(0x00, nil), clientFrame(0x00, nil), clientFrame(0x80, nil)),
			"close 1008 message in too many frames",
		},
		{
			"bytes on the wire",
			wsgate.Limits{Message: 100, MessageWire: 30},
			clientFrame(frameText, make([]byte, 24)),
			clientFrame(frameText, make([]byte, 25)), "close 1008 message too long on the wire",
		},
		{
			"control frames",
			wsgate.Limits{},
			join(bytes.Repeat(clientFrame(framePing, nil), 64), clientFrame(frameText, nil)),
			bytes.Repeat(clientFrame(framePong, nil), 65), "close 1008 too many control frames",
		},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			var happened journal
			g := &messageGateway{
				testHooks: testHooks{close: func(_ context.Context, _ *testConn, err error) {
					happened.add("OnClose %v", isError(wsgate.ErrLimit)(err))
				}},
				message: func(_ context.Context, _ *testConn, m wsgate.Message) error { happened.add("message"); return nil },
			}
			app := newApp(t, &wsgate.Options{Limits: test.limits}, routeTo("/ws", g))
			for i, send := range [][]byte{test.fine, test.bad} {
				c := dialRaw(t, app, "/ws")
				var frames journal
				read := make(chan struct{})
				go func() { c.readOn(&frames); close(read) }()
				c.SetWriteDeadline(time.Now().Add(patience))
				c.Write(send)
				wstest.Pass(time.Second)
				if i == 0 {
					happened.want(t, "message")
					c.put(closeFrame(1000, ""))
					<-read
					synctest.Wait()
					frames.want(t, "close 1000 ")
					happened.want(t, "message", "OnClose false")
				} else {
					<-read
					synctest.Wait()
					frames.want(t, test.close)
					happened.want(t, "message", "OnClose false", "OnClose true")
				}
			}
		})
	}
	// The control frames that may come per second: the burst fills up again.
	bubble(t, "control frames, at their rate", func(t *testing.T) {
		app := newApp(t, nil, routeTo("/ws", &messageGateway{}))
		c := dialRaw(t, app, "/ws")
		var frames journal
		go c.readOn(&frames)
		for range 100 {
			for range 31 {
				c.put(clientFrame(framePing, nil))
			}
			wstest.Pass(time.Second)
		}
		frames.want(t)
	})
	bubble(t, "time", func(t *testing.T) {
		app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{Ping: time.Hour}}, routeTo("/ws", &messageGateway{}))
		c := dialRaw(t, app, "/ws")
		var frames journal
		ended := make(chan time.Time, 1)
		go func() { c.readOn(&frames); ended <- time.Now() }()
		dribble := clientFrame(frameText, make([]byte, 100))
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
		frames.want(t, "text "+string(make([]byte, 100)), "close 1013 message took too long")
	})
}
