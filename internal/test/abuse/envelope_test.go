package abuse

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// exchange is what a client of a gateway of events says, and hears: the whole answer, or an error's code and, after a
// space, its id; nothing if want is empty.
type exchange struct{ say, want string }

// sound is an exchange that goes well on every gateway of events here.
var sound = exchange{`{"type":"ok","id":"sound"}`, `{"type":"ok","id":"sound"}`}

// longAnswer is more than any answer here needs, so that none repeats what was long in the question.
const longAnswer = 600

// exchanges fails the test unless the client hears what it should, and then something sound.
func (c *client) exchanges(all ...exchange) {
	c.t.Helper()
	for _, x := range all {
		c.put(masked(text, []byte(x.say)), masked(text, []byte(sound.say)))
		if x.want != "" {
			c.answer(x)
		}
		c.answer(sound)
	}
}

// answer reads what the server says to one message.
func (c *client) answer(x exchange) {
	c.t.Helper()
	if strings.HasPrefix(x.want, "{") {
		c.hears(wire.Frame{First: text, Payload: []byte(x.want)})
		return
	}
	f, err := wire.ReadFrame(c.in)
	var got struct {
		Type, Code, Message string
		ID                  json.RawMessage
	}
	if err != nil || f.First != text || json.Unmarshal(f.Payload, &got) != nil {
		c.t.Fatalf("%.80q: got frame %v (%v), want %s", x.say, f, err, x.want)
	}
	have := strings.TrimSpace(got.Code + " " + string(got.ID))
	if got.Type != "error" || have != x.want || got.Message == "" || len(f.Payload) > longAnswer {
		c.t.Errorf("%.80q: got %.200s, want an error %s", x.say, f.Payload, x.want)
	}
}

// leaves ends a connection that must be all right.
func (c *client) leaves() {
	c.t.Helper()
	c.put(closeFrame(1000, ""))
	c.ends(1000, nil)
}

// closed reads until the server closes, answers that and waits for the end. It returns what came before.
func (c *client) closed() (before []wire.Frame, code websocket.StatusCode) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	for {
		f, err := wire.ReadFrame(c.in)
		if err != nil {
			c.t.Errorf("got %v, want a close frame", err)
			return before, noFrame
		}
		if f.First != closing {
			before = append(before, f)
			continue
		}
		c.try(masked(closing, f.Payload))
		if c.discard(late).open {
			c.t.Errorf("the connection is open %v after both close frames", late)
		}
		if len(f.Payload) < 2 {
			return before, websocket.StatusNoStatusRcvd
		}
		return before, websocket.StatusCode(binary.BigEndian.Uint16(f.Payload))
	}
}

// closes fails the test unless the server closes with that code, which the client answers, and with that cause in OnClose.
// It returns what came before.
func (c *client) closes(want websocket.StatusCode, cause error) (before []wire.Frame) {
	c.t.Helper()
	before, code := c.closed()
	if code != want {
		c.t.Errorf("got close code %d, want %d", code, want)
	}
	c.closedWith(cause)
	return before
}

// refused fails the test unless the server closes with that code and nothing before it.
func (c *client) refused(want websocket.StatusCode) {
	c.t.Helper()
	if before, code := c.closed(); code != want || len(before) > 0 {
		c.t.Errorf("got close code %d after %v, want %d", code, before, want)
	}
}

// converse has one client say it all. Every message is answered as it should be, and the connection lives.
func (s *server) converse(t *testing.T, all ...exchange) {
	t.Helper()
	c := s.connect(t)
	c.exchanges(all...)
	c.leaves()
}

// show binds an event whose handler does nothing: that the payload was understood is the answer.
func show[T any](name string) wsgate.Binding[guest] {
	return wsgate.On(wsgate.Event[T](name), func(context.Context, *conn, T) error { return nil })
}

// echo binds a call that is answered with its payload.
func echo[T any](name string) wsgate.Binding[guest] {
	return wsgate.Answer(wsgate.Call[T, T](name), func(_ context.Context, _ *conn, v T) (T, error) { return v, nil })
}

// vocabulary is a setup with events.
func vocabulary(events ...wsgate.Binding[guest]) setup {
	return setup{events: append(wsgate.Events[guest]{show[struct{}]("ok")}, events...)}
}

// each returns exchanges in which everything that is said has the same answer.
func each(want string, say ...string) (all []exchange) {
	for _, s := range say {
		all = append(all, exchange{s, want})
	}
	return all
}

// Row 38: what is no envelope is answered as malformed.
func noEnvelope(t *testing.T) {
	s := start(t, vocabulary())
	s.converse(t, each("malformed", ``, ` `, "\n\t\r ", `null`, `[]`, `1`, `"x"`, `true`, `{}`, `{`, `}`, `hello`, "\x00",
		`[{"type":"ok"}]`, `{"type":"ok",}`, `{type:"ok"}`, `{'type':'ok'}`, `{"type" "ok"}`, `{"type":"ok"`, `{"":"ok"}`)...)
	s.converse(t, exchange{`{"id":1}`, "malformed 1"}, exchange{`{"id":"a","data":1}`, `malformed "a"`})
}

// Row 38: a client that sends nothing else is closed, one that sends something sound now and then is not.
func malformedInARow(t *testing.T) {
	for most, want := range map[int]int{0: 8, 1: 1, 3: 3} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			su := vocabulary()
			su.limits.Malformed = most
			s := start(t, su)
			if want > 1 {
				c := s.connect(t)
				for range 5 {
					for range want - 1 {
						c.put(masked(text, []byte(`{}`)))
						c.answer(exchange{`{}`, "malformed"})
					}
					c.put(masked(text, []byte(sound.say)))
					c.answer(sound)
				}
				c.leaves()
			}
			c := s.connect(t)
			c.try(bytes.Repeat(masked(text, []byte(`{}`)), 100))
			if answers := c.closes(1008, wsgate.ErrLimit); len(answers) != want {
				t.Errorf("%d answers, want %d", len(answers), want)
			}
		})
	}
}

// Row 39: a message is one document, and nothing but it.
func trailingData(t *testing.T) {
	s := start(t, vocabulary())
	s.converse(t, each("malformed",
		`{"type":"ok"} x`, `{"type":"ok"}}`, `{"type":"ok"},`, `{"type":"ok"}{"type":"ok"}`, "{\"type\":\"ok\"}\n{\"type\":\"ok\"}",
		"\ufeff"+sound.say, sound.say+"\ufeff", "\u00a0"+sound.say, sound.say+"\x00", `{"type":"ok"/**/}`, `// x`+"\n"+sound.say)...)
	s.converse(t, exchange{"\r\n\t " + sound.say + " \n", sound.want})
}

// Row 40: a key is there once, and in its own case.
func duplicateKeys(t *testing.T) {
	s := start(t, vocabulary(echo[any]("echo")))
	s.converse(t, each("malformed",
		`{"type":"ok","type":"ok"}`, `{"id":1,"type":"ok","id":1}`, `{"type":"ok","ty\u0070e":"x"}`, `{"type":"ok","":1,"":2}`,
		`{"type":"echo","data":{"a":1,"a":2}}`, `{"type":"ok","x":[{"a":1},{"b":{"c":1,"c":1}}]}`,
		`{"TYPE":"ok"}`, `{"type":"ok","Type":"echo"}`, `{"type":"ok","Data":1}`, `{"type":"ok","ID":1}`)...)
	s.converse(t,
		exchange{`{"type":"ok","id":7,"tyPe":1}`, "malformed 7"},
		exchange{`{"type":"echo","id":7,"data":{"a":1,"A":2}}`, `{"type":"echo","id":7,"data":{"A":2,"a":1}}`})
}

// Row 41: nesting has a bound, far below what would cost anything.
func deepNesting(t *testing.T) {
	nest := func(levels int, open, shut string) string { // with that of the envelope
		return `{"type":"any","id":1,"data":` + strings.Repeat(open, levels-1) + `0` + strings.Repeat(shut, levels-1) + `}`
	}
	s := start(t, vocabulary(show[any]("any")))
	s.converse(t, each(`{"type":"any","id":1}`, nest(64, "[", "]"), nest(64, `{"a":`, "}"))...)
	s.converse(t, each("malformed", nest(65, "[", "]"), nest(65, `{"a":`, "}"), nest(10_000, "[", "]"), nest(10_000, `{"a":`, "}"),
		strings.Repeat("[", 65_000), strings.Repeat(`{"a":`, 13_000))...)
}

// Row 45: what is no name of an event is unknown, whatever else it may mean.
func eventNames(t *testing.T) {
	s := start(t, vocabulary())
	for _, name := range []string{
		``, `no`, `OK`, `ok `, ` ok`, `ok\u0000`, `o\u212a`, `оk` /* with a letter of another script */, `*`, `o*`, `>`, `..`, `/`,
		`error`, `$ok`, `open`, `close`, `message`, `connect`, `disconnect`, `__proto__`, `constructor`, `OnOpen`, `Events`,
		`\r\nok`, `\u001b[2J`, `%s%n`, `\ud83d\ude00`, `\ud83d`, strings.Repeat("x", 65), strings.Repeat("x", 10<<10), strings.Repeat(`ä`, 10<<10),
	} {
		s.converse(t, exchange{`{"type":"` + name + `"}`, "unknown_event"}, exchange{`{"type":"` + name + `","id":1}`, "unknown_event 1"})
	}
	s.converse(t, each("malformed 1", `{"type":null,"id":1}`, `{"type":5,"id":1}`, `{"type":["ok"],"id":1}`, `{"type":{},"id":1}`, `{"type":true,"id":1}`)...)
	s.converse(t, exchange{`{"type":"\u006fk","id":1}`, `{"type":"ok","id":1}`})
}

// Row 46: an id comes back as it was, once for each message that has it, or is malformed.
func ids(t *testing.T) {
	s := start(t, vocabulary(wsgate.On(wsgate.Event[struct{}]("fail"), func(context.Context, *conn, struct{}) error {
		return wsgate.Errorf(wsgate.Denied, "no")
	})))
	s.converse(t, exchange{`{"type":"ok"}`, ""}, exchange{`{"type":"fail"}`, "denied"}, exchange{`{"type":"no"}`, "unknown_event"})
	for _, id := range []string{
		`0`, `-1`, `-0`, `1.0`, `1e3`, `1e400`, `18446744073709551616`, `""`, `"a"`, `"1"`, `"\u0000"`, `"\ud800"`, `"\"}"`, `"ä"`,
		strings.Repeat("1", 64), `"` + strings.Repeat("x", 62) + `"`,
	} {
		s.converse(t,
			exchange{`{"type":"ok","id":` + id + `}`, `{"type":"ok","id":` + id + `}`},
			exchange{`{"id":` + id + `,"type":"ok"}`, `{"type":"ok","id":` + id + `}`}, // a second time
			exchange{`{"type":"fail","id":` + id + `}`, `denied ` + id},
			exchange{`{"type":"no","id":` + id + `}`, `unknown_event ` + id})
	}
	for _, id := range []string{
		`null`, `true`, `[]`, `[1]`, `{}`, `{"id":1}`, strings.Repeat("1", 65), `"` + strings.Repeat("x", 63) + `"`, strings.Repeat("1", 10_000),
		`"` + strings.Repeat(`\u0000`, 10) + `xxxx"`, `+1`, `01`, `0x1`, `NaN`, `"`, `'a'`,
	} {
		s.converse(t, exchange{`{"type":"ok","id":` + id + `}`, "malformed"})
	}
}
