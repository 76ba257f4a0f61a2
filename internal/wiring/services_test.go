package wiring_test

import (
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type (
	disk   struct{}
	store  struct{ *disk }
	cache  struct{}
	reader interface{ Read() string }
)

func (*cache) Read() string { return "" }

func newDisk() *disk            { return &disk{} }
func newStore(d *disk) *store   { return &store{d} }
func newCache() *cache          { return &cache{} }
func newCacheValue() cache      { return cache{} }
func newReader() reader         { return &cache{} }
func newReaderOf(reader) *store { return &store{} }

// withServices is a gateway that needs services.
type withServices struct{ named }

func newWithStore(*store) *withServices              { return &withServices{} }
func newWithCache(*cache) *withServices              { return &withServices{} }
func newWithCacheValue(cache) (*withServices, error) { return &withServices{}, nil }
func newWithReader(reader) *withServices             { return &withServices{} }
func newWithNamed(namedIn) *withServices             { return &withServices{} }
func newWithOptional(optionalIn) *withServices       { return &withServices{} }
func newWithVariadic(...*cache) *withServices        { return &withServices{} }
func newWithNestedIn(nestedIn) *withServices         { return &withServices{} }

type nestedIn struct {
	dig.In
	Inner namedIn
}

type namedIn struct {
	dig.In
	Disk  *disk
	Cache *cache `name:"fast"`
}

type optionalIn struct {
	dig.In
	Cache *cache   `optional:"true"`
	All   []reader `group:"readers"`
}

// mustNotRun returns a constructor that fails the test when it runs.
func mustNotRun[T any](t *testing.T) func() *T {
	return func() *T {
		t.Errorf("the constructor of %T ran", *new(T))
		return new(T)
	}
}

func TestMissingServices(t *testing.T) {
	private := &wsgate.Module{Name: "storage", Private: []any{newCache}}
	for _, test := range []struct {
		name string
		m    *wsgate.Module
		want []string
	}{
		{
			"of a gateway", &wsgate.Module{Name: "chat", Gateways: []wsgate.Route{{Path: "/", New: newWithCache}}},
			[]string{"wiring_test.newWithCache needs *wiring_test.cache", kit.At("func newWithCache("), "fix: add a constructor that returns *wiring_test.cache", "Provide", "module chat"},
		},
		{
			"of a service", &wsgate.Module{Provide: []any{newStore}},
			[]string{"wiring_test.newStore needs *wiring_test.disk", kit.At("func newStore("), "fix:"},
		},
		{
			"of a private service", &wsgate.Module{Private: []any{newStore}},
			[]string{"wiring_test.newStore needs *wiring_test.disk", kit.At("func newStore("), "fix:"},
		},
		{
			"in dig.In", &wsgate.Module{Provide: []any{newDisk, newCache}, Gateways: []wsgate.Route{{Path: "/", New: newWithNamed}}},
			[]string{"wiring_test.newWithNamed needs *wiring_test.cache", `named "fast"`, kit.At("func newWithNamed("), "fix:"},
		},
		{
			"in dig.In in dig.In", &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newWithNestedIn}}},
			[]string{"wiring_test.newWithNestedIn needs *wiring_test.disk", `named "fast"`, kit.At("func newWithNestedIn("), "fix:"},
		},
		{
			"builtin with a name", &wsgate.Module{Provide: []any{func(struct {
				dig.In
				Hub *wsgate.Hub `name:"other"`
			},
			) *cache {
				return nil
			}}},
			[]string{`*wsgate.Hub named "other"`, "fix: add a constructor"},
		},
		{
			"private elsewhere", &wsgate.Module{Name: "chat", Imports: []*wsgate.Module{private}, Gateways: []wsgate.Route{{Path: "/", New: newWithCache}}},
			[]string{"wiring_test.newWithCache needs *wiring_test.cache", "private to module storage", kit.At("func newWithCache("), kit.At("func newCache("), "fix: move wiring_test.newCache from Private to Provide"},
		},
		{
			"pointer for value", &wsgate.Module{Provide: []any{newCacheValue}, Gateways: []wsgate.Route{{Path: "/", New: newWithCache}}},
			[]string{"wiring_test.newWithCache needs *wiring_test.cache", "have wiring_test.cache from wiring_test.newCacheValue", kit.At("func newCacheValue("), "fix: did you mean wiring_test.cache"},
		},
		{
			"value for pointer", &wsgate.Module{Private: []any{newCache}, Gateways: []wsgate.Route{{Path: "/", New: newWithCacheValue}}},
			[]string{"wiring_test.newWithCacheValue needs wiring_test.cache", "have *wiring_test.cache from wiring_test.newCache", kit.At("func newCache("), "fix: did you mean *wiring_test.cache"},
		},
		{
			"interface for its implementation", &wsgate.Module{Provide: []any{newCache}, Gateways: []wsgate.Route{{Path: "/", New: newWithReader}}},
			[]string{"wiring_test.newWithReader needs wiring_test.reader", "have *wiring_test.cache from wiring_test.newCache", kit.At("func newCache("), "fix: did you mean *wiring_test.cache"},
		},
		{
			"implementation for its interface", &wsgate.Module{Provide: []any{newReader}, Gateways: []wsgate.Route{{Path: "/", New: newWithCache}}},
			[]string{"wiring_test.newWithCache needs *wiring_test.cache", "have wiring_test.reader from wiring_test.newReader", kit.At("func newReader("), "fix: did you mean wiring_test.reader"},
		},
	} {
		t.Run(test.name, func(t *testing.T) { kit.CheckText(t, kit.Refused(t, test.m, nil), test.want...) })
	}
}

// A constructor that several routes have says once what it lacks.
func TestMissingServiceIsReportedOnce(t *testing.T) {
	m := &wsgate.Module{Gateways: []wsgate.Route{{Path: "/a", New: newWithCache}, {Path: "/b", New: newWithCache}, {Path: "/c", New: newWithStore}}}
	text := kit.Refused(t, m, nil)
	kit.CheckText(t, text, "newWithCache needs", "newWithStore needs")
	if n := kit.CountMistakes(text); n != 2 {
		t.Errorf("%d mistakes, want 2:\n%s", n, text)
	}
}

func TestServicesThatNeedNotBeThere(t *testing.T) {
	kit.NewAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/a", New: newWithOptional}, {Path: "/b", New: newWithVariadic}}})
}

func TestNearMissThatIsPrivateElsewhere(t *testing.T) {
	private := &wsgate.Module{Name: "storage", Private: []any{newCache}}
	text := kit.Refused(t, &wsgate.Module{Imports: []*wsgate.Module{private}, Gateways: []wsgate.Route{{Path: "/", New: newWithReader}}}, nil)
	kit.CheckText(t, text, "wiring_test.newWithReader needs wiring_test.reader", kit.At("func newWithReader("))
	if strings.Contains(text, "ask for it") && !strings.Contains(text, "Private") {
		t.Errorf("advises to ask for what is private to another module:\n%s", text)
	}
}

type generator[T any] struct{ made T }

func newGenerator[T any](made T) *generator[T] { return &generator[T]{made} }

func (d *disk) newMethod(*cache) *store { return &store{d} }

// The place is the user's, whatever the function is.
func TestPlacesOfConstructors(t *testing.T) {
	text := kit.Refused(t, &wsgate.Module{Provide: []any{func(*cache) *disk { return nil }}}, nil) // a literal
	kit.CheckText(t, text, kit.At("a literal"), "needs *wiring_test.cache")
	text = kit.Refused(t, &wsgate.Module{Provide: []any{newGenerator[*cache]}}, nil)
	kit.CheckText(t, text, "newGenerator", "services_test.go:", "needs *wiring_test.cache")
	text = kit.Refused(t, &wsgate.Module{Provide: []any{newDisk().newMethod}}, nil)
	kit.CheckText(t, text, "newMethod", "needs *wiring_test.cache")
	if strings.Contains(text, "autogenerated") || strings.Contains(text, "-fm") {
		t.Errorf("generated code in\n%s", text)
	}
}

type (
	egg  struct{}
	hen  struct{}
	nest struct{}
)

func newEgg(*hen) *egg              { return nil }
func newHen(*nest) *hen             { return nil }
func newNest(*egg) *nest            { return nil }
func newSelf(*egg) *egg             { return nil }
func newWithEgg(*egg) *withServices { return nil }

type eggsIn struct {
	dig.In
	Eggs []*egg `group:"eggs"`
}

type eggsOut struct {
	dig.Out
	Egg *egg `group:"eggs"`
}

func newFromGroup(eggsIn) *hen  { return nil }
func newIntoGroup(*hen) eggsOut { return eggsOut{} }

type maybeIn struct {
	dig.In
	Nest *nest `optional:"true"`
}

func newMaybe(maybeIn) *hen   { return nil }
func newNestOfHen(*hen) *nest { return nil }

func TestCircles(t *testing.T) {
	text := kit.Refused(t, &wsgate.Module{Provide: []any{newEgg, newHen, newNest, mustNotRun[disk](t)}, Gateways: []wsgate.Route{{Path: "/", New: newWithEgg}}}, nil)
	kit.CheckText(t, text, "circle", "wiring_test.newEgg", "wiring_test.newHen", "wiring_test.newNest",
		kit.At("func newEgg("), kit.At("func newHen("), kit.At("func newNest("), "needs *wiring_test.egg", "needs *wiring_test.hen", "needs *wiring_test.nest", "fix:")
	if n := kit.CountMistakes(text); n != 1 {
		t.Errorf("%d mistakes, want 1:\n%s", n, text)
	}
	kit.CheckText(t, kit.Refused(t, &wsgate.Module{Private: []any{newSelf}}, nil), "circle", "wiring_test.newSelf", kit.At("func newSelf("))
	across := &wsgate.Module{Provide: []any{newEgg}, Imports: []*wsgate.Module{{Provide: []any{newHen}}, {Provide: []any{newNest}}}}
	kit.CheckText(t, kit.Refused(t, across, nil), "circle", kit.At("func newEgg("), kit.At("func newHen("), kit.At("func newNest("))
}

func TestCirclesThroughGroupsAndOptionals(t *testing.T) {
	text := kit.Refused(t, &wsgate.Module{Provide: []any{newFromGroup, newIntoGroup}}, nil)
	kit.CheckText(t, text, "newFromGroup", "newIntoGroup", kit.At("func newFromGroup("), kit.At("func newIntoGroup("))
	text = kit.Refused(t, &wsgate.Module{Provide: []any{newMaybe, newNestOfHen}}, nil)
	kit.CheckText(t, text, "newMaybe", "newNestOfHen", kit.At("func newMaybe("), kit.At("func newNestOfHen("))
}

// Constructors that are none, or provide what they must not.

func newHub() *wsgate.Hub                      { return nil }
func newLogger() *slog.Logger                  { return nil }
func newLifecycle() (*wsgate.Lifecycle, error) { return nil, nil }
func newOtherCache() *cache                    { return &cache{} }
func newTwice() (*cache, *cache)               { return nil, nil }
func newInPointer(*namedIn) *cache             { return nil }
func newUnexported(unexportedIn) *cache        { return nil }
func newNoFlatten() noFlattenOut               { return noFlattenOut{} }
func newEmptyOut() struct{ dig.Out }           { return struct{ dig.Out }{} }

//lint:ignore ST1008 that is what is tested
func newErrorFirst() (error, *cache) { return nil, &cache{} }

type unexportedIn struct {
	dig.In
	disk *disk
}

type noFlattenOut struct {
	dig.Out
	Cache cache `group:"caches,flatten"`
}

func TestServicesThatCannotBe(t *testing.T) {
	_ = unexportedIn{}.disk
	var missing func() *cache
	for _, test := range []struct {
		name    string
		provide []any
		want    []string
	}{
		{"nil", []any{nil}, []string{"module lot", "nil", "want a constructor"}},
		{"nil function", []any{missing}, []string{"module lot", "nil", "want a constructor"}},
		{"value", []any{&cache{}}, []string{"module lot", "have *wiring_test.cache", "want a constructor", "fix: pass the constructor"}},
		{"string", []any{"newCache"}, []string{"module lot", "have string", "want a constructor"}},
		{"nothing", []any{newNothing}, []string{"wiring_test.newNothing provides nothing", "helper_test.go:", "have func()", "want", "fix:"}},
		{"only an error", []any{newOnlyError}, []string{"wiring_test.newOnlyError provides nothing", "have func() error"}},
		{"error first", []any{newErrorFirst}, []string{"wiring_test.newErrorFirst", kit.At("func newErrorFirst("), "have func() (error, *wiring_test.cache)", "want"}},
		{"empty dig.Out", []any{newEmptyOut}, []string{"wiring_test.newEmptyOut provides nothing", kit.At("func newEmptyOut(")}},
		{"the hub", []any{newHub}, []string{"wiring_test.newHub", "*wsgate.Hub", "App.Hub", kit.At("func newHub("), "fix:"}},
		{"the logger", []any{newLogger}, []string{"wiring_test.newLogger", "*slog.Logger", "Options.Logger", kit.At("func newLogger("), "fix:"}},
		{"the lifecycle", []any{newLifecycle}, []string{"wiring_test.newLifecycle", "*wsgate.Lifecycle", kit.At("func newLifecycle("), "fix:"}},
		{"twice", []any{newCache, newOtherCache}, []string{"*wiring_test.cache", "wiring_test.newCache", "wiring_test.newOtherCache", kit.At("func newCache("), kit.At("func newOtherCache("), "fix:"}},
		{"the same twice", []any{newCache, newCache}, []string{"*wiring_test.cache", "wiring_test.newCache", kit.At("func newCache("), "fix:"}},
		{"twice by one", []any{newTwice}, []string{"wiring_test.newTwice", "*wiring_test.cache", kit.At("func newTwice(")}},
		{"pointer to dig.In", []any{newDisk, newInPointer}, []string{"wiring_test.newInPointer", kit.At("func newInPointer(")}},
		{"unexported field of dig.In", []any{newDisk, newUnexported}, []string{"wiring_test.newUnexported", kit.At("func newUnexported("), "disk"}},
		{"flatten of no slice", []any{newNoFlatten}, []string{"wiring_test.newNoFlatten", kit.At("func newNoFlatten(")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, &wsgate.Module{Name: "lot", Provide: test.provide}, nil)
			kit.CheckText(t, text, test.want...)
			if n := kit.CountMistakes(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
			kit.Refused(t, &wsgate.Module{Name: "lot", Private: test.provide}, nil)
		})
	}
}

func TestServiceProvidedTwiceByTwoModules(t *testing.T) {
	a, b := &wsgate.Module{Name: "a"}, &wsgate.Module{Name: "b"}
	root := &wsgate.Module{Imports: []*wsgate.Module{a, b}}
	a.Provide, b.Provide = []any{newCache}, []any{newOtherCache}
	kit.CheckText(t, kit.Refused(t, root, nil), "*wiring_test.cache", "newCache", "newOtherCache", kit.At("func newCache("), kit.At("func newOtherCache("), "module a", "fix:")
	b.Provide, b.Private = nil, []any{newOtherCache} // which of the two would b get?
	kit.CheckText(t, kit.Refused(t, root, nil), "*wiring_test.cache", kit.At("func newCache("), kit.At("func newOtherCache("))
	a.Provide, a.Private = nil, []any{newCache} // each its own
	kit.NewAppOf(t, nil, root)
}

// What resembles the missing service is meant, whoever provides it.
func TestServiceThatIsMeant(t *testing.T) {
	type named struct {
		dig.In
		Cache *cache `name:"fast"`
	}
	for _, test := range []struct {
		name    string
		provide []any
		want    string
	}{
		{"the hub by value", []any{func(wsgate.Hub) *cache { return nil }}, "did you mean *wsgate.Hub? ask for it"},
		{"an interface of the hub", []any{func(interface{ Len() int }) *cache { return nil }}, "did you mean *wsgate.Hub? ask for it"},
		{"the App", []any{func(*wsgate.App) *cache { return nil }}, "App.Invoke when New has returned"},
		{"a connection", []any{func(*kit.Conn) *cache { return nil }}, "hooks and handlers get the connection"},
		{"any connection", []any{func(wsgate.AnyConn) *cache { return nil }}, "hooks and handlers get the connection"},
		{"a named one", []any{func(named) *store { return nil }}, "a dig.Out with a field of type *wiring_test.cache and the tag `name:\"fast\"`"},
		{"any", []any{newCache, func(any) *store { return nil }}, "add a constructor that returns any"},
		{"of an interface", []any{newCache, newReaderOf}, "ask for it, or add func(v *wiring_test.cache) wiring_test.reader { return v } to Provide"},
		{"behind an interface", []any{newReader, func(*cache) *store { return nil }}, "ask for it, or add a constructor that returns *wiring_test.cache to Provide"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, &wsgate.Module{Provide: test.provide}, nil)
			if !strings.Contains(text, test.want) {
				t.Errorf("no %q in\n%s", test.want, text)
			}
		})
	}
}
