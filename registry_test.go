package wsgate_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// paths returns the paths of routes.
func paths(routes []wsgate.Route) (paths []string) {
	for _, r := range routes {
		paths = append(paths, r.Path)
	}
	return paths
}

func TestRegistryZeroValue(t *testing.T) {
	var r wsgate.Registry
	if routes := r.Routes(); len(routes) != 0 {
		t.Errorf("got %v, want no routes", routes)
	}
	for _, path := range []string{"/b", "/a", "/{x}"} {
		if err := r.Register(path, newFine); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := paths(r.Routes()), []string{"/b", "/a", "/{x}"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRegisterChecksOnTheSpot(t *testing.T) {
	var r wsgate.Registry
	if err := r.Register("/first", newFine); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path        string
		constructor any
		want        string
	}{
		{"/bad", newHookless, "has no hook"},
		{"/bad", newBoth, "both OnMessage and Events"},
		{"/bad", newOnPointer, "return a pointer"},
		{"/bad", nil, "constructor"},
		{"/bad", &fine{}, "constructor"},
		{"/bad", func() *openNoContext { return nil }, "openNoContext.OnOpen"},
		{"/bad", func() *twoData { return nil }, "different data"},
		{"/bad", func() *wrongOnConnect { return nil }, "OnConnect"},
		{"bad", newFine, `"bad"`},
		{"/first", newOtherFine, "registered twice"},
	} {
		err := r.Register(test.path, test.constructor)
		kit.CheckText(t, kit.WellFormed(t, err), test.want)
		if got := paths(r.Routes()); !slices.Equal(got, []string{"/first"}) {
			t.Errorf("after %q: got routes %v, want only /first", test.want, got)
		}
	}
	// What was refused has not taken the path.
	if err := r.Register("/bad", newFine); err != nil {
		t.Error(err)
	}
	if err := r.Register("/worse/{a}", newHookless); err == nil {
		t.Error("no error")
	}
	if err := r.Register("/worse/{b}", newFine); err != nil {
		t.Error(err)
	}
}

func TestRegisterDoesNotConstruct(t *testing.T) {
	var r wsgate.Registry
	if err := r.Register("/", mustNotRun[fine](t)); err != nil {
		t.Error(err)
	}
	if err := r.Register("/needs", newWithMany); err != nil { // what a module provides is not known here
		t.Error(err)
	}
}

func TestRegisterSeveralMistakesAtOnce(t *testing.T) {
	var r wsgate.Registry
	err := r.Register("bad", func() *manyMistakes { return nil })
	kit.CheckText(t, kit.WellFormed(t, err), `"bad"`, "manyMistakes.OnOpen", "manyMistakes.OnClose", "OnConnect", "OnMessage and Events")
}

type manyMistakes struct{ both }

func (*manyMistakes) OnOpen(*guestConn)    {}
func (*manyMistakes) OnClose(*guestConn)   {}
func (*manyMistakes) OnConnect(*guestConn) {}

func TestRoutesIsACopy(t *testing.T) {
	var r wsgate.Registry
	if err := r.Register("/", newFine); err != nil {
		t.Fatal(err)
	}
	r.Routes()[0].Path = "/changed"
	if got := paths(r.Routes()); !slices.Equal(got, []string{"/"}) {
		t.Errorf("got %v, want [/]", got)
	}
}

func TestRegisterFromManyGoroutines(t *testing.T) {
	var r wsgate.Registry
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[string]int{}
	for i := range 40 {
		wg.Go(func() {
			path := fmt.Sprintf("/%d", i%20)
			if err := r.Register(path, newFine); err == nil {
				mu.Lock()
				won[path]++
				mu.Unlock()
			}
			r.Routes()
		})
	}
	wg.Wait()
	if n := len(r.Routes()); n != 20 || len(won) != 20 {
		t.Errorf("%d routes, %d registered, want 20 and 20", n, len(won))
	}
	for path, n := range won {
		if n != 1 {
			t.Errorf("%s was registered %d times", path, n)
		}
	}
}

// wildcards makes the connection's data of the path.
type wildcards struct{}

func (*wildcards) OnUpgrade(r *http.Request) (guest, error) {
	return guest{r.PathValue("name"), r.PathValue("room")}, nil
}

func (*wildcards) OnOpen(_ context.Context, c *guestConn) error {
	return c.Send(wsgate.Text(c.Path() + " " + c.Data.Name + " " + c.Data.Room))
}

func TestWildcards(t *testing.T) {
	var r wsgate.Registry
	constructor := func() *wildcards { return &wildcards{} }
	for _, path := range []string{"/chat/{room}", "/chat/{room}/as/{name}", "/files/{room...}", "/exact/{$}", "/all/"} {
		if err := r.Register(path, constructor); err != nil {
			t.Fatal(err)
		}
	}
	app := kit.NewAppOf(t, nil, &wsgate.Module{Gateways: r.Routes()})
	for _, test := range []struct{ target, want string }{
		{"/chat/go", "/chat/{room}  go"},
		{"/chat/go/as/ann", "/chat/{room}/as/{name} ann go"},
		{"/chat/a%2Fb", "/chat/{room}  a/b"},
		{"/chat/%C3%A4", "/chat/{room}  ä"},
		{"/files/a/b/c", "/files/{room...}  a/b/c"},
		{"/files/", "/files/{room...}  "},
		{"/exact/", "/exact/{$}  "},
		{"/all/whatever/more", "/all/  "},
	} {
		kit.Dial(t, app, test.target).Hears(test.want)
	}
	for _, target := range []string{"/", "/chat", "/chat/", "/chat/go/", "/exact/x", "/chat/go/as/ann/x"} {
		if resp := kit.DialRefused(t, app, target, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got status %d, want 404", target, resp.StatusCode)
		}
	}
	if n := app.Hub().At("/chat/{room}").Len(); n != 3 {
		t.Errorf("%d connections at /chat/{room}, want 3", n)
	}
}

func TestAppRegistryListsWhatIsServed(t *testing.T) {
	var r wsgate.Registry
	if err := r.Register("/registered", newFine); err != nil {
		t.Fatal(err)
	}
	imported := &wsgate.Module{Gateways: r.Routes()}
	app := kit.NewAppOf(t, nil, &wsgate.Module{
		Imports:  []*wsgate.Module{imported},
		Gateways: []wsgate.Route{{Path: "/own", New: newFine, Subprotocols: []string{"v1"}}},
	})
	routes := app.Registry().Routes()
	if got, want := paths(routes), []string{"/registered", "/own"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got := routes[1].Subprotocols; !slices.Equal(got, []string{"v1"}) {
		t.Errorf("got subprotocols %v, want [v1]", got)
	}
}

// A route that is added to what an App serves already would be served by nobody.
func TestAppRegistryTakesNoMoreRoutes(t *testing.T) {
	app := kit.NewAppOf(t, nil, gatewayAt("/", newFine))
	err := app.Registry().Register("/late", newFine) // too late
	text := kit.WellFormed(t, err)
	kit.CheckText(t, text, `"/late"`, kit.At("too late"))
	if got := paths(app.Registry().Routes()); !slices.Equal(got, []string{"/"}) {
		t.Errorf("got routes %v, want [/]", got)
	}
}

// Who registers in time, as that error says, is served.
func TestRegisterBeforeNew(t *testing.T) {
	var r wsgate.Registry
	if err := r.Register("/late", newFine); err != nil {
		t.Fatal(err)
	}
	app := kit.NewAppOf(t, nil, &wsgate.Module{Gateways: r.Routes()})
	if got := paths(app.Registry().Routes()); !slices.Equal(got, []string{"/late"}) {
		t.Errorf("got routes %v, want [/late]", got)
	}
}

func TestRegisterNamesTheCaller(t *testing.T) {
	var r wsgate.Registry
	register := func(path string) error { return r.Register(path, newHookless) } // registers
	text := register("bad").Error()
	kit.CheckText(t, text, kit.At("registers"))
	if strings.Contains(text, "registry.go") {
		t.Errorf("a place inside the library:\n%s", text)
	}
}
