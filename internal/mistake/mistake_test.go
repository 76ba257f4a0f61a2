package mistake_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/mistake"
)

func TestError(t *testing.T) {
	for _, test := range []struct {
		mistake mistake.Mistake
		want    string
	}{
		{mistake.Mistake{What: "x is wrong"}, "wsgate: x is wrong"},
		{mistake.Mistake{What: "x is wrong", Where: "a.go:5"}, "wsgate: x is wrong (a.go:5)"},
		{mistake.Mistake{What: "x", Have: "a", Want: "b", Fix: "c"}, "wsgate: x\n\thave a\n\twant b\n\tfix: c"},
		{mistake.Mistake{What: "x", Where: "a.go:5", Want: "b"}, "wsgate: x (a.go:5)\n\twant b"},
	} {
		if got := test.mistake.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestUnwrap(t *testing.T) {
	cause := errors.New("cause")
	if err := error(&mistake.Mistake{What: "x", Err: fmt.Errorf("more: %w", cause)}); !errors.Is(err, cause) {
		t.Errorf("the cause is not in %v", err)
	}
	if err := errors.Unwrap(&mistake.Mistake{What: "x"}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestCaller(t *testing.T) {
	here := func() string { return mistake.Caller(1) }
	first := here()
	second := here()
	if !strings.HasPrefix(first, "mistake_test.go:") || first == second {
		t.Errorf("got %q and %q, want two lines of mistake_test.go", first, second)
	}
	if got := mistake.Caller(1 << 20); got != "" {
		t.Errorf("got %q beyond the first caller, want nothing", got)
	}
}

func TestPosition(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, want string }{
		{filepath.Join(dir, "a.go"), "a.go:7"},
		{filepath.Join(dir, "sub", "a.go"), filepath.Join("sub", "a.go") + ":7"},
		{filepath.Join(filepath.Dir(dir), "a.go"), filepath.Join(filepath.Dir(dir), "a.go") + ":7"},
		{dir + "more/a.go", dir + "more/a.go:7"},
		{"example.com/module/a.go", "example.com/module/a.go:7"}, // built with -trimpath
	} {
		if got := mistake.Position(test.file, 7); got != test.want {
			t.Errorf("%s: got %q, want %q", test.file, got, test.want)
		}
	}
}

type box[T any] struct{ V T }

func TestType(t *testing.T) {
	for _, test := range []struct{ printed, want string }{
		{"int", "int"},
		{"[]interface {}", "[]any"},
		{"map[string]interface{}", "map[string]any"},
		{"wsgate.Presence[encoding/json/jsontext.Value]", "wsgate.Presence[json.RawMessage]"},
		{"*wsgate.Conn[github.com/me/chat.Member]", "*wsgate.Conn[chat.Member]"},
		{"func(context.Context, *wsgate.Conn[*example.com/a-b/c_d/v2.T], wsgate.Message) error", "func(context.Context, *wsgate.Conn[*v2.T], wsgate.Message) error"},
		{"map[gopkg.in/x.v3.K][]github.com/me/chat.Member", "map[x.v3.K][]chat.Member"},
		{"box[github.com/a/b.X,github.com/c/d.Y]", "box[b.X,d.Y]"},
		{"box[github.com/a/b.box[github.com/c/~d.Y]]", "box[b.box[~d.Y]]"},
		{"box[func(...github.com/a/b.X)]", "box[func(...b.X)]"},
		{"box[<-chan github.com/a/b.X]", "box[<-chan b.X]"},
	} {
		if got := mistake.Type(test.printed); got != test.want {
			t.Errorf("%s: got %s, want %s", test.printed, got, test.want)
		}
	}
	if got, want := mistake.Type(reflect.TypeFor[box[mistake.Mistake]]().String()), "mistake_test.box[mistake.Mistake]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The place stands behind the first line of an underlying error that has several, and not behind its advice.
func TestPlaceOfSeveralLines(t *testing.T) {
	inner := &mistake.Mistake{What: "it is wrong", Where: "a.go:1", Fix: "mend it"}
	outer := &mistake.Mistake{What: "constructor f: " + inner.Error(), Where: "b.go:2", Have: "x", Err: inner}
	want := "wsgate: constructor f: wsgate: it is wrong (a.go:1) (b.go:2)\n\tfix: mend it\n\thave x"
	if got := outer.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
