package wstest_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// Who replaces what nothing provides reads what works in its place.
func TestReplaceOfWhatNothingProvides(t *testing.T) {
	fake := &fakeStore{}
	module := &wsgate.Module{Provide: []any{func() store { return fake }}, Gateways: []wsgate.Route{{Path: "/", New: newChat}}}
	other := &wsgate.Module{Provide: module.Provide, Gateways: []wsgate.Route{{Path: "/", New: func(s store) *chat { return newChat(s) }}}}
	quiet := wstest.With(&wsgate.Options{Logger: slog.New(slog.DiscardHandler)})
	for _, test := range []struct {
		name  string
		wrong wstest.Option
		want  string
		then  func(t testing.TB)
	}{
		{
			"another type", wstest.Replace(fake), "fix: replace the type that the constructor returns and others ask for",
			func(t testing.TB) { wstest.New(t, module, wstest.Replace[store](fake)) },
		},
		{
			"the logger", wstest.Replace(slog.Default()), "fix: remove it; wstest.With sets Options",
			func(t testing.TB) { wstest.New(t, module, quiet) },
		},
		{
			"a gateway", wstest.Replace(newChat(fake)), "fix: replace the services that the gateway asks for",
			func(t testing.TB) { wstest.New(t, module, wstest.Replace[store](fake)) },
		},
		{
			"a gateway", wstest.Replace(newChat(fake)), "or test a module whose route has another New",
			func(t testing.TB) { wstest.New(t, other) },
		},
	} {
		if got := failureOf(func(t testing.TB) { wstest.New(t, module, test.wrong) }); !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		test.then(t)
	}
}
