package abuse

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// Row 42: what a message costs, however many values are in it, is bounded by its size.
func tinyValues(t *testing.T) {
	const clients, rounds, size = 4, 3, 64 << 10
	const mostEach = 64 * size
	// What is in use is to be what is needed, and not the garbage that a collection has not come to yet.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	s := start(t, vocabulary(show[any]("any"), show[[]struct{}]("list"), show[map[string]int]("map")))
	fill := func(head, each, tail string) string {
		return head + strings.TrimSuffix(strings.Repeat(each, (size-len(head)-len(tail))/len(each)), ",") + tail
	}
	keys := `{"type":"map","id":1`
	for i := 0; len(keys) < size-20; i++ {
		keys += fmt.Sprintf(`,"%x":1`, i)
	}
	var all []exchange
	for _, x := range []struct{ event, each string }{
		{"any", "{},"}, {"any", "[],"}, {"any", "0,"}, {"any", `"",`}, {"any", "null,"}, {"any", `{"":0},`}, {"list", "{},"},
	} {
		all = append(all, exchange{fill(`{"type":"`+x.event+`","id":1,"data":[`, x.each, `]}`), `{"type":"` + x.event + `","id":1}`})
	}
	all = append(all, exchange{keys + `}`, `{"type":"map","id":1}`}, exchange{keys + `,"id":2}`, "malformed"})
	before := allocated()
	t.Run("all", func(t *testing.T) {
		var wg sync.WaitGroup
		for range clients {
			c := s.connect(t)
			wg.Go(func() {
				for range rounds {
					c.exchanges(all...)
				}
				c.leaves()
			})
		}
		wg.Wait()
	})
	each := (allocated() - before) / uint64(clients*rounds*len(all))
	if t.Logf("%d KiB were allocated for each message of %d KiB", each>>10, size>>10); each > mostEach {
		t.Errorf("%d KiB were allocated for a message, want at most %d KiB", each>>10, mostEach>>10)
	}
}

// measures is a payload of numbers.
type measures struct {
	N     int     `json:"n"`
	Small int8    `json:"small"`
	Size  uint    `json:"size"`
	F     float64 `json:"f"`
}

// Row 43: a number that does not fit is invalid, one that is none is malformed, and none takes long.
func largeNumbers(t *testing.T) {
	s := start(t, vocabulary(echo[measures]("m"), echo[json.Number]("number")))
	say := func(field, value string) string { return `{"type":"m","id":1,"` + field + `":` + value + `}` }
	digits := strings.Repeat("9", 60_000)
	var bad []string
	for field, values := range map[string][]string{
		"n":     {`9223372036854775808`, `-9223372036854775809`, `1e3`, `1.5`, `1.0`, `1e400`, `1e-400`, digits, "-" + digits, `0.` + digits, `1e` + digits, `"1"`, `true`},
		"small": {`128`, `-129`, `1e2`},
		"size":  {`-1`, `18446744073709551616`},
		"f":     {`1e400`, `-1e400`, digits, `1e999999999999`, `"1"`, `[1]`},
	} {
		for _, v := range values {
			bad = append(bad, say(field, v))
		}
	}
	begun := time.Now()
	s.converse(t, each("invalid 1", bad...)...)
	if took := time.Since(begun); took > late {
		t.Errorf("it took %v", took)
	}
	for _, no := range []string{`01`, `+1`, `.5`, `1.`, `-`, `1e`, `0x1`, `NaN`, `Infinity`, `-Infinity`, `1_000`, `1,0`, `1 0`, `١`} {
		s.converse(t, exchange{say("n", no), "malformed"})
	}
	s.converse(t,
		exchange{say("n", `9223372036854775807`), `{"type":"m","id":1,"n":9223372036854775807,"small":0,"size":0,"f":0}`},
		exchange{say("n", `-0`), `{"type":"m","id":1,"n":0,"small":0,"size":0,"f":0}`},
		exchange{say("f", `1e-400`), `{"type":"m","id":1,"n":0,"small":0,"size":0,"f":0}`},
		exchange{say("f", `1e3`), `{"type":"m","id":1,"n":0,"small":0,"size":0,"f":1000}`},
		exchange{`{"type":"number","id":1,"data":1e999999}`, `{"type":"number","id":1,"data":1e999999}`})
}

// Row 44: strings come through as JSON means them; what is longer than a message ends the connection.
func oddStrings(t *testing.T) {
	s := start(t, vocabulary(echo[string]("echo"), echo[map[string]string]("map")))
	for said, heard := range map[string]string{
		`\u0000`: `\u0000`, `a\u0000b`: `a\u0000b`, `\ud800`: "\ufffd", `\udc00x`: "\ufffdx", `\ud800\ud800`: "\ufffd\ufffd",
		`\ud83d\ude00`: "\U0001f600", "\ufeff": "\ufeff", "\ufffe": "\ufffe", `\"},{\"`: `\"},{\"`, `\u2028`: `\u2028`, "\x7f": "\x7f",
		"e\u0301": "e\u0301", "\u202e": "\u202e", `</script>`: `\u003c/script\u003e`,
	} {
		s.converse(t,
			exchange{`{"type":"echo","id":1,"data":"` + said + `"}`, `{"type":"echo","id":1,"data":"` + heard + `"}`},
			exchange{`{"type":"map","id":1,"` + said + `":"x"}`, `{"type":"map","id":1,"` + heard + `":"x"}`})
	}
	s.converse(t, each("malformed", "{\"type\":\"echo\",\"data\":\"a\nb\"}", "{\"type\":\"echo\",\"data\":\"\x00\"}",
		`{"type":"echo","data":"\x"}`, `{"type":"echo","data":"\u12g4"}`, `{"type":"echo","data":"\ud80"}`, `{"type":"echo","data":"`)...)
	long := strings.Repeat("k", 60_000)
	s.converse(t, exchange{`{"type":"ok","id":1,"` + long + `":0}`, `{"type":"ok","id":1}`})
	c := s.connect(t)
	c.try(masked(text, []byte(`{"type":"ok","id":1,"`+strings.Repeat("k", 1<<20)+`":0}`)))
	c.closedWith(wsgate.ErrLimit)
}

// order is a payload of all sorts.
type order struct {
	Name string           `json:"name"`
	N    int              `json:"n"`
	Tags []string         `json:"tags"`
	Home *struct{ A int } `json:"home"`
	Map  map[string]int   `json:"map"`
	OK   bool             `json:"ok"`

	hidden int
}

// Row 47: a payload of a wrong type is invalid, and its handler does not run.
func wrongPayloads(t *testing.T) {
	_ = order{}.hidden
	su := vocabulary(echo[order]("order"), echo[string]("string"), echo[[]int]("list"), echo[[2]int]("pair"), echo[*bool]("bool"), echo[any]("any"),
		wsgate.On(wsgate.Event[order]("strict"), func(context.Context, *conn, order) error {
			t.Error("the handler ran")
			return nil
		}))
	s := start(t, su)
	for _, fields := range []string{
		`"name":5`, `"name":{}`, `"name":["x"]`, `"n":"5"`, `"n":{}`, `"n":true`, `"tags":"x"`, `"tags":{}`, `"tags":[1]`, `"tags":[["x"]]`,
		`"home":1`, `"home":"x"`, `"home":[]`, `"home":{"A":"x"}`, `"map":[]`, `"map":{"x":"y"}`, `"map":{"x":{}}`, `"ok":1`, `"ok":"true"`,
	} {
		s.converse(t, exchange{`{"type":"strict","id":1,` + fields + `}`, "invalid 1"}, exchange{`{"type":"strict",` + fields + `}`, "invalid"})
	}
	s.converse(t, each("invalid 1", `{"type":"string","id":1,"data":5}`, `{"type":"string","id":1,"data":{}}`, `{"type":"list","id":1,"data":{}}`,
		`{"type":"list","id":1,"data":[1,"x"]}`, `{"type":"bool","id":1,"data":0}`, `{"type":"pair","id":1,"data":"x"}`)...)
	const zero = `{"type":"order","id":1,"name":"","n":0,"tags":null,"home":null,"map":null,"ok":false}`
	s.converse(t, each(zero, `{"type":"order","id":1}`, `{"type":"order","id":1,"more":1,"hidden":5}`,
		`{"type":"order","id":1,"name":null,"n":null,"tags":null,"home":null,"map":null,"ok":null}`)...)
	s.converse(t,
		exchange{`{"type":"string","id":1}`, "invalid 1"},
		exchange{`{"type":"string","id":1,"data":null}`, "invalid 1"},
		exchange{`{"type":"bool","id":1,"data":null}`, `{"type":"bool","id":1,"data":null}`},
		exchange{`{"type":"list","id":1,"data":null}`, `{"type":"list","id":1,"data":null}`},
		exchange{`{"type":"pair","id":1,"data":[1]}`, `{"type":"pair","id":1,"data":[1,0]}`},
		exchange{`{"type":"pair","id":1,"data":[1,2,3]}`, `{"type":"pair","id":1,"data":[1,2]}`},
		exchange{`{"type":"any","id":1,"data":[{"x":[null]}]}`, `{"type":"any","id":1,"data":[{"x":[null]}]}`})
}

// give binds a call that is answered with v.
func give[T any](name string, v T) wsgate.Binding[guest] {
	return wsgate.Answer(wsgate.Call[struct{}, T](name), func(context.Context, *conn, struct{}) (T, error) { return v, nil })
}

type ring struct{ Next *ring }

type badJSON string

func (b badJSON) MarshalJSON() ([]byte, error) {
	if b == "" {
		panic("no JSON today")
	}
	return []byte(b), nil
}

// Row 48: an answer that cannot be encoded is an internal error, which the log has and the client does not see.
func badAnswers(t *testing.T) {
	loop := &ring{}
	loop.Next = loop
	bad := []wsgate.Binding[guest]{
		give("NaN", math.NaN()), give("infinite", []float64{math.Inf(-1)}), give[any]("channel", make(chan int)),
		give[any]("function", func() {}), give[any]("complex", struct{ C complex64 }{1}), give("ring", loop), give("inside", map[string]any{"a": math.NaN()}), give("two", badJSON("1 2")),
		give("cut", badJSON(`{"a":`)), give("large", strings.Repeat("x", 1<<20)), // the whole queue
	}
	su := vocabulary(append(bad, give("panic", badJSON("")))...)
	su.loud = true
	s := start(t, su)
	for i, name := range []string{"NaN", "infinite", "channel", "function", "complex", "ring", "inside", "two", "cut", "large"} {
		s.converse(t, exchange{`{"type":"` + name + `","id":7}`, "internal 7"}, exchange{`{"type":"` + name + `"}`, ""})
		if lines := logged(s.log); len(lines) != i+1 || !strings.Contains(lines[i], name) {
			t.Errorf("the log has %q, want one line for each answer", lines)
		}
	}
	c := s.connect(t)
	c.put(masked(text, []byte(`{"type":"panic","id":7}`)))
	c.closes(1011, errPanic)
}
