package envelope_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate/internal/envelope"
)

// marshaler is a value that is encoded by a function.
type marshaler func() ([]byte, error)

func (m marshaler) MarshalJSON() ([]byte, error) { return m() }

// within encodes v with a body of its own, while that of the value around it is in use.
func within(v any) marshaler {
	return func() ([]byte, error) {
		b, err := envelope.NewBody(v)
		if err != nil {
			return nil, err
		}
		defer b.Free()
		return []byte(string(b.JSON())), nil
	}
}

func values() map[string]any {
	return map[string]any{
		"null":     nil,
		"nil map":  map[string]int(nil),
		"number":   1e21,
		"html":     "<a href=\"x\">&amp;</a>\u2028\u2029",
		"not utf8": "a\xffb",
		"newline":  "a\n",
		"raw":      json.RawMessage(" {\"a\" : [1,\n 2], \"b\":\"<\"}\n"),
		"struct": struct {
			A string         `json:"a"`
			B map[string]int `json:"b,omitempty"`
			C []any
		}{"<", map[string]int{"z": 1, "y": 2}, []any{1, "x", nil}},
		"marshaler":       marshaler(func() ([]byte, error) { return []byte(`{ "a": "<" }`), nil }),
		"marshal":         marshaler(func() ([]byte, error) { return json.Marshal([]string{"<"}) }),
		"nested":          []any{"before", within([]any{"<", within("inner")}), "after"},
		"megabyte":        strings.Repeat("<x", 1<<19),
		"nested megabyte": []any{within(strings.Repeat("y", 1<<20)), "after"},
	}
}

func failures() map[string]any {
	return map[string]any{
		"no json":   []any{"before", make(chan int)},
		"nan":       math.NaN(),
		"error":     []any{"before", marshaler(func() ([]byte, error) { return nil, errors.New("no") })},
		"malformed": []any{"before", marshaler(func() ([]byte, error) { return []byte(`{"a"`), nil })},
		"nested":    []any{"before", within(make(chan int))},
	}
}

// sameAsMarshal reports how the body of v differs from what json.Marshal returns.
func sameAsMarshal(v any) error {
	want, wantErr := json.Marshal(v)
	b, err := envelope.NewBody(v)
	defer b.Free()
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		return fmt.Errorf("got error %v, want %v", err, wantErr)
	}
	if err == nil && string(b.JSON()) != string(want) {
		return fmt.Errorf("got %.100q, want %.100q", b.JSON(), want)
	}
	return nil
}

func TestBodyIsThatOfMarshal(t *testing.T) {
	for _, all := range []map[string]any{values(), failures(), values()} {
		for name, v := range all {
			if err := sameAsMarshal(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestBodyAfterPanic(t *testing.T) {
	for range 100 {
		func() {
			defer func() {
				if v := recover(); v != "oh" {
					t.Errorf("got panic %v, want oh", v)
				}
			}()
			b, err := envelope.NewBody([]any{"before", marshaler(func() ([]byte, error) { panic("oh") })})
			t.Errorf("got %v and %v, want a panic", b, err)
		}()
		if err := sameAsMarshal("after"); err != nil {
			t.Fatal(err)
		}
	}
}

// A body is not shared while it is in use.
func TestBodiesAreParted(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 50 {
				v := []any{i, j, strings.Repeat("x", i*j), within([]int{i, j})}
				if err := sameAsMarshal(v); err != nil {
					t.Error(err)
				}
				if b, err := envelope.NewBody(make(chan int)); err == nil {
					t.Errorf("got %q for a channel", b.JSON())
				}
			}
		})
	}
	wg.Wait()
}

func TestLargeBodiesAreNotKept(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for range 100 {
		b, err := envelope.NewBody(large)
		if err != nil {
			t.Fatal(err)
		}
		b.Free()
		if b, err = envelope.NewBody("small"); err != nil {
			t.Fatal(err)
		}
		if room := cap(b.JSON()); room > 64<<10 {
			t.Fatalf("a small value has a buffer of %d bytes", room)
		}
		b.Free()
	}
}
