package wsgate_test

import (
	"context"
	"encoding/json"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type (
	// maybe is a number that need not be there. It says so itself.
	maybe struct {
		n     int
		there bool
	}
	// strict takes no null.
	strict int
	// owned has the name of one of the envelope's keys.
	owned struct {
		ID int `json:"id"`
	}
)

func (m maybe) MarshalJSON() ([]byte, error) {
	if !m.there {
		return []byte("null"), nil
	}
	return json.Marshal(m.n)
}

func (m *maybe) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	m.there = true
	return json.Unmarshal(text, &m.n)
}

func (s *strict) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return wsgate.Errorf(wsgate.Invalid, "never null")
	}
	return json.Unmarshal(text, (*int)(s))
}

// A payload that is missing or null is no value that the client has not sent: only a type that can be nothing takes it.
func TestMissingAndNull(t *testing.T) {
	const missing = "is missing"
	quote := wsgate.Answer(wsgate.Call[json.RawMessage, string]("x"), func(_ context.Context, _ *kit.Conn, text json.RawMessage) (string, error) {
		return strconv.Quote(string(text)), nil
	})
	for _, test := range []struct {
		bound         wsgate.Binding[kit.Data]
		missing, null string // what the handler gets, or what is wrong if it begins with "is "
	}{
		{kit.Show[int64]("x"), missing, "is null, want a number"},
		{kit.Show[float32]("x"), missing, "is null, want a number"},
		{kit.Show[bool]("x"), missing, "is null, want a bool"},
		{kit.Show[string]("x"), missing, "is null, want a string"},
		{kit.Show[json.Number]("x"), missing, "is null, want a number"},
		{kit.Show[[2]int]("x"), missing, "is null, want an array"},
		{kit.Show[time.Time]("x"), missing, "is null, want a string"},
		{kit.Show[netip.Addr]("x"), missing, "is null, want a string"},
		{kit.Show[net.IP]("x"), missing, "is null, want a string"},
		{kit.Show[big.Int]("x"), missing, "is null, want a value"},
		{kit.Show[strict]("x"), missing, "never null"},

		// What can be nothing: the JSON of the zero value is null.
		{kit.Show[*int64]("x"), "<nil>", "<nil>"},
		{kit.Show[**int64]("x"), "<nil>", "<nil>"},
		{kit.Show[*time.Time]("x"), "<nil>", "<nil>"},
		{kit.Show[any]("x"), "<nil>", "<nil>"},
		{kit.Show[[]int]("x"), "[]", "[]"},
		{kit.Show[[]byte]("x"), "[]", "[]"},
		{quote, `""`, `"null"`},
		{kit.Show[maybe]("x"), "{n:0 there:false}", "{n:0 there:false}"},

		// An object without fields is an object. Null is none.
		{kit.Show[struct{}]("x"), "{}", "{}"},
		{kit.Show[address]("x"), "{Street:}", "is null, want an object"},
		{kit.Show[owned]("x"), "{ID:0}", "is null, want an object"},
		{kit.Show[*owned]("x"), "<nil>", "<nil>"},
		{kit.Show[map[string]int]("x"), "map[]", "map[]"},
	} {
		for _, form := range []wsgate.Envelope{{}, {Data: "data"}} {
			c := kit.SpeakIn(t, form, test.bound)
			for _, asked := range []struct{ text, want string }{
				{`{"type":"x","id":1}`, test.missing},
				{`{"type":"x","id":1,"data":null}`, test.null},
			} {
				c.Say(asked.text)
				text := c.Hear()
				var answer struct {
					Type, Code, Message string
					Data                any
				}
				if err := json.Unmarshal([]byte(text), &answer); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				got, _ := answer.Data.(string)
				if failure, ok := answer.Data.(map[string]any); ok { // in the nested form
					answer.Code, _ = failure["code"].(string)
					answer.Message, _ = failure["message"].(string)
				}
				want := asked.want
				if answer.Type == "error" {
					got = answer.Code + ": " + answer.Message
					want = "invalid: the payload of x " + want
					if test.null == "never null" && asked.want == test.null {
						want = "invalid: never null"
					}
				}
				if got != want {
					t.Errorf("%s with %+v: got %s, want %s", asked.text, form, text, asked.want)
				}
			}
			c.Logged(0)
		}
	}
}

// A pointer to an object is nil where the object stands under data, and cannot be told from one without fields beside.
func TestMissingObjects(t *testing.T) {
	beside := kit.Speak(t, kit.Echo[*address]("x"))
	beside.Asks(`{"type":"x","id":1}`, `{"type":"x","id":1,"street":""}`)
	beside.Asks(`{"type":"x","id":1,"data":null}`, `{"type":"x","id":1,"data":null}`)
	under := kit.SpeakIn(t, wsgate.Envelope{Data: "data"}, kit.Echo[*address]("x"))
	under.Asks(`{"type":"x","id":1}`, `{"type":"x","id":1,"data":null}`)
	under.Asks(`{"type":"x","id":1,"data":null}`, `{"type":"x","id":1,"data":null}`)
}

// A map is one to write into, unless the client has sent null.
func TestMissingMap(t *testing.T) {
	write := wsgate.Answer(wsgate.Call[map[string]int, map[string]int]("x"), func(_ context.Context, _ *kit.Conn, m map[string]int) (map[string]int, error) {
		m["written"] = 1
		return m, nil
	})
	kit.Speak(t, write).Asks(`{"type":"x","id":1}`, `{"type":"x","id":1,"written":1}`)
	kit.SpeakIn(t, wsgate.Envelope{Data: "data"}, write).Asks(`{"type":"x","id":1}`, `{"type":"x","id":1,"data":{"written":1}}`)
}
