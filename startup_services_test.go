package wsgate_test

import (
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate"
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

func newWithStore(*store) *withServices                { return &withServices{} }
func newWithCache(*cache) *withServices                { return &withServices{} }
func newWithCacheValue(cache) (*withServices, error)   { return &withServices{}, nil }
func newWithReader(reader) *withServices               { return &withServices{} }
func newWithMany(*store, *cache, reader) *withServices { return &withServices{} }
func newWithNamed(namedIn) *withServices               { return &withServices{} }
func newWithOptional(optionalIn) *withServices         { return &withServices{} }
func newWithVariadic(...*cache) *withServices          { return &withServices{} }
func newWithNestedIn(nestedIn) *withServices           { return &withServices{} }

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
			[]string{"wsgate_test.newWithCache needs *wsgate_test.cache", at("func newWithCache("), "fix: add a constructor that returns *wsgate_test.cache", "Provide", "module chat"},
		},
		{
			"of a service", &wsgate.Module{Provide: []any{newStore}},
			[]string{"wsgate_test.newStore needs *wsgate_test.disk", at("func newStore("), "fix:"},
		},
		{
			"of a private service", &wsgate.Module{Private: []any{newStore}},
			[]string{"wsgate_test.newStore needs *wsgate_test.disk", at("func newStore("), "fix:"},
		},
		{
			"in dig.In", &wsgate.Module{Provide: []any{newDisk, newCache}, Gateways: []wsgate.Route{{Path: "/", New: newWithNamed}}},
			[]string{"wsgate_test.newWithNamed needs *wsgate_test.cache", `named "fast"`, at("func newWithNamed("), "fix:"},
		},
		{
			"in dig.In in dig.In", &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newWithNestedIn}}},
			[]string{"wsgate_test.newWithNestedIn needs *wsgate_test.disk", `named "fast"`, at("func newWithNestedIn("), "fix:"},
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
			[]string{"wsgate_test.newWithCache needs *wsgate_test.cache", "private to module storage", at("func newWithCache("), at("func newCache("), "fix: move wsgate_test.newCache from Private to Provide"},
		},
		{
			"pointer for value", &wsgate.Module{Provide: []any{newCacheValue}, Gateways: []wsgate.Route{{Path: "/", New: newWithCache}}},
			[]string{"wsgate_test.newWithCache needs *wsgate_test.cache", "have wsgate_test.cache from wsgate_test.newCacheValue", at("func newCacheValue("), "fix: did you mean wsgate_test.cache"},
		},
		{
			"value for pointer", &wsgate.Module{Private: []any{newCache}, Gateways: []wsgate.Route{{Path: "/", New: newWithCacheValue}}},
			[]string{"wsgate_test.newWithCacheValue needs wsgate_test.cache", "have *wsgate_test.cache from wsgate_test.newCache", at("func newCache("), "fix: did you mean *wsgate_test.cache"},
		},
		{
			"interface for its implementation", &wsgate.Module{Provide: []any{newCache}, Gateways: []wsgate.Route{{Path: "/", New: newWithReader}}},
			[]string{"wsgate_test.newWithReader needs wsgate_test.reader", "have *wsgate_test.cache from wsgate_test.newCache", at("func newCache("), "fix: did you mean *wsgate_test.cache"},
		},
		{
			"implementation for its interface", &wsgate.Module{Provide: []any{newReader}, Gateways: []wsgate.Route{{Path: "/", New: newWithCache}}},
			[]string{"wsgate_test.newWithCache needs *wsgate_test.cache", "have wsgate_test.reader from wsgate_test.newReader", at("func newReader("), "fix: did you mean wsgate_test.reader"},
		},
	} {
		t.Run(test.name, func(t *testing.T) { checkText(t, refused(t, test.m, nil), test.want...) })
	}
}

// A constructor that several routes have says once what it lacks.
func TestMissingServiceIsReportedOnce(t *testing.T) {
	m := &wsgate.Module{Gateways: []wsgate.Route{{Path: "/a", New: newWithCache}, {Path: "/b", New: newWithCache}, {Path: "/c", New: newWithStore}}}
	text := refused(t, m, nil)
	checkText(t, text, "newWithCache needs", "newWithStore needs")
	if n := count(text); n != 2 {
		t.Errorf("%d mistakes, want 2:\n%s", n, text)
	}
}

func TestServicesThatNeedNotBeThere(t *testing.T) {
	newAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/a", New: newWithOptional}, {Path: "/b", New: newWithVariadic}}})
}

func TestNearMissThatIsPrivateElsewhere(t *testing.T) {
	private := &wsgate.Module{Name: "storage", Private: []any{newCache}}
	text := refused(t, &wsgate.Module{Imports: []*wsgate.Module{private}, Gateways: []wsgate.Route{{Path: "/", New: newWithReader}}}, nil)
	checkText(t, text, "wsgate_test.newWithReader needs wsgate_test.reader", at("func newWithReader("))
	if strings.Contains(text, "ask for it") && !strings.Contains(text, "Private") {
		t.Errorf("advises to ask for what is private to another module:\n%s", text)
	}
}

type generator[T any] struct{ made T }

func newGenerator[T any](made T) *generator[T] { return &generator[T]{made} }

func (d *disk) newMethod(*cache) *store { return &store{d} }

// The place is the user's, whatever the function is.
func TestPlacesOfConstructors(t *testing.T) {
	text := refused(t, &wsgate.Module{Provide: []any{func(*cache) *disk { return nil }}}, nil) // a literal
	checkText(t, text, at("a literal"), "needs *wsgate_test.cache")
	text = refused(t, &wsgate.Module{Provide: []any{newGenerator[*cache]}}, nil)
	checkText(t, text, "newGenerator", "startup_services_test.go:", "needs *wsgate_test.cache")
	text = refused(t, &wsgate.Module{Provide: []any{newDisk().newMethod}}, nil)
	checkText(t, text, "newMethod", "needs *wsgate_test.cache")
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
	text := refused(t, &wsgate.Module{Provide: []any{newEgg, newHen, newNest, mustNotRun[disk](t)}, Gateways: []wsgate.Route{{Path: "/", New: newWithEgg}}}, nil)
	checkText(t, text, "circle", "wsgate_test.newEgg", "wsgate_test.newHen", "wsgate_test.newNest",
		at("func newEgg("), at("func newHen("), at("func newNest("), "needs *wsgate_test.egg", "needs *wsgate_test.hen", "needs *wsgate_test.nest", "fix:")
	if n := count(text); n != 1 {
		t.Errorf("%d mistakes, want 1:\n%s", n, text)
	}
	checkText(t, refused(t, &wsgate.Module{Private: []any{newSelf}}, nil), "circle", "wsgate_test.newSelf", at("func newSelf("))
	across := &wsgate.Module{Provide: []any{newEgg}, Imports: []*wsgate.Module{{Provide: []any{newHen}}, {Provide: []any{newNest}}}}
	checkText(t, refused(t, across, nil), "circle", at("func newEgg("), at("func newHen("), at("func newNest("))
}

func TestCirclesThroughGroupsAndOptionals(t *testing.T) {
	text := refused(t, &wsgate.Module{Provide: []any{newFromGroup, newIntoGroup}}, nil)
	checkText(t, text, "newFromGroup", "newIntoGroup", at("func newFromGroup("), at("func newIntoGroup("))
	text = refused(t, &wsgate.Module{Provide: []any{newMaybe, newNestOfHen}}, nil)
	checkText(t, text, "newMaybe", "newNestOfHen", at("func newMaybe("), at("func newNestOfHen("))
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
		{"value", []any{&cache{}}, []string{"module lot", "have *wsgate_test.cache", "want a constructor", "fix: pass the constructor"}},
		{"string", []any{"newCache"}, []string{"module lot", "have string", "want a constructor"}},
		{"nothing", []any{newNothing}, []string{"wsgate_test.newNothing provides nothing", "startup_hooks_test.go:", "have func()", "want", "fix:"}},
		{"only an error", []any{newOnlyError}, []string{"wsgate_test.newOnlyError provides nothing", "have func() error"}},
		{"error first", []any{newErrorFirst}, []string{"wsgate_test.newErrorFirst", at("func newErrorFirst("), "have func() (error, *wsgate_test.cache)", "want"}},
		{"empty dig.Out", []any{newEmptyOut}, []string{"wsgate_test.newEmptyOut provides nothing", at("func newEmptyOut(")}},
		{"the hub", []any{newHub}, []string{"wsgate_test.newHub", "*wsgate.Hub", "App.Hub", at("func newHub("), "fix:"}},
		{"the logger", []any{newLogger}, []string{"wsgate_test.newLogger", "*slog.Logger", "Options.Logger", at("func newLogger("), "fix:"}},
		{"the lifecycle", []any{newLifecycle}, []string{"wsgate_test.newLifecycle", "*wsgate.Lifecycle", at("func newLifecycle("), "fix:"}},
		{"twice", []any{newCache, newOtherCache}, []string{"*wsgate_test.cache", "wsgate_test.newCache", "wsgate_test.newOtherCache", at("func newCache("), at("func newOtherCache("), "fix:"}},
		{"the same twice", []any{newCache, newCache}, []string{"*wsgate_test.cache", "wsgate_test.newCache", at("func newCache("), "fix:"}},
		{"twice by one", []any{newTwice}, []string{"wsgate_test.newTwice", "*wsgate_test.cache", at("func newTwice(")}},
		{"pointer to dig.In", []any{newDisk, newInPointer}, []string{"wsgate_test.newInPointer", at("func newInPointer(")}},
		{"unexported field of dig.In", []any{newDisk, newUnexported}, []string{"wsgate_test.newUnexported", at("func newUnexported("), "disk"}},
		{"flatten of no slice", []any{newNoFlatten}, []string{"wsgate_test.newNoFlatten", at("func newNoFlatten(")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := refused(t, &wsgate.Module{Name: "lot", Provide: test.provide}, nil)
			checkText(t, text, test.want...)
			if n := count(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
			refused(t, &wsgate.Module{Name: "lot", Private: test.provide}, nil)
		})
	}
}

func TestServiceProvidedTwiceByTwoModules(t *testing.T) {
	a, b := &wsgate.Module{Name: "a"}, &wsgate.Module{Name: "b"}
	root := &wsgate.Module{Imports: []*wsgate.Module{a, b}}
	a.Provide, b.Provide = []any{newCache}, []any{newOtherCache}
	checkText(t, refused(t, root, nil), "*wsgate_test.cache", "newCache", "newOtherCache", at("func newCache("), at("func newOtherCache("), "module a", "fix:")
	b.Provide, b.Private = nil, []any{newOtherCache} // which of the two would b get?
	checkText(t, refused(t, root, nil), "*wsgate_test.cache", at("func newCache("), at("func newOtherCache("))
	a.Provide, a.Private = nil, []any{newCache} // each its own
	newAppOf(t, nil, root)
}

// All at once.

func TestAllMistakesAtOnce(t *testing.T) {
	root := &wsgate.Module{
		Name:    "root",
		Provide: []any{mustNotRun[disk](t), newHub, "text", newCache, newOtherCache},
		Private: []any{newReaderOf},
		Imports: []*wsgate.Module{nil},
		Gateways: []wsgate.Route{
			{Path: "/a", New: func() *openNoContext { t.Error("a constructor ran"); return nil }},
			{Path: "/a", New: newFine},
			{Path: "b", New: newFine},
			{Path: "/c/{x}", New: newHookless, Limits: &wsgate.Limits{Rooms: -1}},
			{Path: "/c/{y}", New: newBoth},
			{Path: "/d", New: func() *closeNoCause { return nil }},
			{Path: "/e", New: newWithMany},
		},
	}
	text := refused(t, root, &wsgate.Options{Origins: []string{"[", "ok.example"}, Limits: wsgate.Limits{Message: -1, Ping: -1}})
	checkText(t, text,
		"imports nil", "newHub", "have string", "newOtherCache", "newReaderOf", "openNoContext.OnOpen", `"/a" is registered twice`, `"b"`,
		"hookless has no hook", `"/c/{x}"`, `"/c/{y}"`, "Limits.Rooms", "Limits.Message", "Limits.Ping", "both OnMessage and Events", "closeNoCause.OnClose",
		"newWithMany needs wsgate_test.reader", `"["`)
	if n := count(text); n != 17 {
		t.Errorf("%d mistakes, want 17:\n%s", n, text)
	}
}
