package wiring_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// holder is a gateway that shows the services it got.
type holder struct {
	fine
	got []any
}

func TestVisibility(t *testing.T) {
	var order []string
	note := func(what string) { order = append(order, what) }
	type (
		inner struct{ n int }
		outer struct{ *inner }
		other struct{ *outer }
	)
	storage := &wsgate.Module{
		Name:    "storage",
		Private: []any{func() *inner { note("inner"); return &inner{7} }},
		Provide: []any{func(i *inner) *outer { note("outer"); return &outer{i} }},
		Gateways: []wsgate.Route{{Path: "/inside", New: func(i *inner, o *outer) *holder { // sees what is private to it
			note("inside")
			return &holder{got: []any{i, o}}
		}}},
	}
	sibling := &wsgate.Module{Name: "sibling", Provide: []any{func(o *outer) *other { note("other"); return &other{o} }}} // imports nothing
	var got *holder
	root := &wsgate.Module{
		Imports: []*wsgate.Module{sibling, storage},
		Gateways: []wsgate.Route{{Path: "/outside", New: func(o *outer, x *other) *holder {
			note("outside")
			got = &holder{got: []any{o, x}}
			return got
		}}},
	}
	kit.NewAppOf(t, nil, root)
	if want := []string{"inner", "outer", "other", "inside", "outside"}; !slices.Equal(order, want) {
		t.Errorf("constructed in the order %v, want %v", order, want)
	}
	if o, x := got.got[0].(*outer), got.got[1].(*other); x.outer != o || o.n != 7 {
		t.Errorf("got %v and %v, want the same service", o, x)
	}
}

func TestModuleImportedTwiceIsBuiltOnce(t *testing.T) {
	built := 0
	shared := &wsgate.Module{
		Provide:  []any{func() *disk { built++; return &disk{} }},
		Gateways: []wsgate.Route{{Path: "/shared", New: newFine}},
	}
	left := &wsgate.Module{Imports: []*wsgate.Module{shared}, Provide: []any{newStore}}
	right := &wsgate.Module{Imports: []*wsgate.Module{shared, left}, Provide: []any{newCache}}
	app := kit.NewAppOf(t, nil, &wsgate.Module{Imports: []*wsgate.Module{left, right, shared, shared}})
	if built != 1 {
		t.Errorf("built %d times, want 1", built)
	}
	if got := app.Registry().Routes(); len(got) != 1 || got[0].Path != "/shared" {
		t.Errorf("got routes %v, want /shared alone", got)
	}
}

func TestModuleServesSeveralApps(t *testing.T) {
	built := 0
	m := &wsgate.Module{
		Provide:  []any{func() *disk { built++; return &disk{} }, newStore},
		Gateways: []wsgate.Route{{Path: "/", New: newWithStore}},
	}
	kit.NewAppOf(t, nil, m)
	kit.NewAppOf(t, nil, m)
	if built != 2 {
		t.Errorf("built %d times for two Apps, want 2", built)
	}
}

func TestModuleIsOnlyRead(t *testing.T) {
	var built atomic.Int32
	shared := &wsgate.Module{Provide: []any{func() *disk { built.Add(1); return &disk{} }}}
	m := &wsgate.Module{
		Imports:  []*wsgate.Module{shared},
		Private:  []any{newStore},
		Gateways: []wsgate.Route{{Path: "/{a}", New: newWithStore}, {Path: "/{a}/b", New: newWithStore, Limits: &wsgate.Limits{}}},
	}
	opts := &wsgate.Options{Origins: []string{"example.com"}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			app, err := wsgate.New(m, opts)
			if err != nil {
				t.Error(err)
				return
			}
			app.Shutdown(context.Background())
		})
	}
	wg.Wait()
	if n := built.Load(); n != 8 {
		t.Errorf("built %d times for 8 Apps", n)
	}
	if *m.Gateways[1].Limits != (wsgate.Limits{}) || opts.Limits != (wsgate.Limits{}) {
		t.Error("the limits were changed")
	}
}

func TestGatewayIsBuiltOncePerRoute(t *testing.T) {
	var built []*holder
	constructor := func() *holder {
		built = append(built, &holder{})
		return built[len(built)-1]
	}
	app := kit.NewAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/a", New: constructor}, {Path: "/b", New: constructor}}})
	for _, target := range []string{"/a", "/a", "/b"} {
		kit.Dial(t, app, target)
	}
	if len(built) != 2 || built[0] == built[1] {
		t.Errorf("got gateways %p, want two", built)
	}
}

func TestEveryServiceIsBuiltOnce(t *testing.T) {
	built := map[string]int{}
	m := &wsgate.Module{
		Provide: []any{
			func() *disk { built["needed by three"]++; return &disk{} },
			newStore,
			func(*disk) (*cache, error) { built["of two results"]++; return &cache{}, nil },
			func() (egg, hen, error) { built["needed by nobody"]++; return egg{}, hen{}, nil },
			func() (out struct {
				dig.Out
				Readers []reader `group:"flat,flatten"`
			},
			) {
				built["in a group, flattened"]++
				return out
			},
			func() (out struct {
				dig.Out
				Reader sayer `group:"one"`
			},
			) {
				built["in a group"]++
				return out
			},
			func() (out struct {
				dig.Out
				Hub *wsgate.Hub `name:"other"`
			},
			) {
				built["like the App's own, with a name"]++
				out.Hub = new(wsgate.Hub)
				return out
			},
		},
		Private:  []any{func(*disk) *nest { built["private and needed by nobody"]++; return &nest{} }},
		Gateways: []wsgate.Route{{Path: "/", New: func(*disk, *store, *cache) *fine { return &fine{} }}},
	}
	kit.NewAppOf(t, nil, m)
	for _, what := range []string{
		"needed by three", "of two results", "needed by nobody", "private and needed by nobody",
		"in a group, flattened", "in a group", "like the App's own, with a name",
	} {
		if built[what] != 1 {
			t.Errorf("a service %s was built %d times, want once", what, built[what])
		}
	}
}

func TestBuiltinServices(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	var hubs []*wsgate.Hub
	var loggers []*slog.Logger
	started := 0
	constructor := func(h *wsgate.Hub, l *slog.Logger, lc *wsgate.Lifecycle) *disk {
		hubs, loggers = append(hubs, h), append(loggers, l)
		lc.OnStart(func(context.Context) error { started++; return nil })
		return &disk{}
	}
	app, err := wsgate.New(&wsgate.Module{
		Private: []any{constructor},
		Gateways: []wsgate.Route{{Path: "/", New: func(h *wsgate.Hub, l *slog.Logger, lc *wsgate.Lifecycle) *fine {
			constructor(h, l, lc)
			return &fine{}
		}}},
		Imports: []*wsgate.Module{{Provide: []any{func(in struct {
			dig.In
			Hub *wsgate.Hub
		},
		) *cache {
			hubs = append(hubs, in.Hub)
			return &cache{}
		}}}},
	}, &wsgate.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hubs {
		if h == nil || h != app.Hub() {
			t.Errorf("got hub %p, want %p", h, app.Hub())
		}
	}
	for _, l := range loggers {
		if l != logger {
			t.Errorf("got logger %p, want %p", l, logger)
		}
	}
	if err := app.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if started != 2 || len(hubs) != 3 || len(loggers) != 2 {
		t.Errorf("%d starts, %d hubs, %d loggers, want 2, 3 and 2", started, len(hubs), len(loggers))
	}
	if err := app.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

type results struct {
	dig.Out

	Disk   *disk
	Fast   *cache `name:"fast"`
	Slow   *cache `name:"slow"`
	Reader reader `group:"readers"`
	Inner  moreResults
}

type moreResults struct {
	dig.Out

	Egg     egg
	Readers []reader `group:"readers,flatten"`
}

type parameters struct {
	dig.In

	Disk    *disk
	Fast    *cache   `name:"fast"`
	Slow    *cache   `name:"slow"`
	Readers []reader `group:"readers"`
	Missing *hen     `optional:"true"`
	Inner   moreParameters
}

type moreParameters struct {
	dig.In

	Egg egg
	Hub *wsgate.Hub
}

type sayer string

func (s sayer) Read() string { return string(s) }

func TestDigInAndOut(t *testing.T) {
	fast, slow := &cache{}, &cache{}
	calls := 0
	provide := func() (results, error) {
		calls++
		return results{
			Disk: &disk{}, Fast: fast, Slow: slow, Reader: sayer("one"),
			Inner: moreResults{Readers: []reader{sayer("two"), sayer("three")}},
		}, nil
	}
	another := func() (out struct {
		dig.Out
		Reader reader `group:"readers"`
	},
	) {
		out.Reader = sayer("four")
		return out
	}
	var got parameters
	kit.NewAppOf(t, nil, &wsgate.Module{
		Provide:  []any{another},
		Imports:  []*wsgate.Module{{Provide: []any{provide}}},
		Gateways: []wsgate.Route{{Path: "/", New: func(p parameters) *fine { got = p; return &fine{} }}},
	})
	if calls != 1 {
		t.Errorf("the constructor ran %d times, want once", calls)
	}
	if got.Disk == nil || got.Inner.Hub == nil || got.Missing != nil {
		t.Errorf("got %+v", got)
	}
	if got.Fast != fast || got.Slow != slow {
		t.Error("fast and slow were not told apart")
	}
	var said []string
	for _, r := range got.Readers {
		said = append(said, r.Read())
	}
	slices.Sort(said)
	if want := []string{"four", "one", "three", "two"}; !slices.Equal(said, want) {
		t.Errorf("got readers %v, want %v", said, want)
	}
}

func TestDigInIgnoringUnexportedFields(t *testing.T) {
	type parameters struct {
		dig.In `ignore-unexported:"true"`
		Disk   *disk
		hidden *hen
	}
	kit.NewAppOf(t, nil, &wsgate.Module{
		Provide:  []any{newDisk},
		Gateways: []wsgate.Route{{Path: "/", New: func(p parameters) *fine { _ = p.hidden; return &fine{} }}},
	})
}
