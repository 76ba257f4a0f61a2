package wiring_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/wiring"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

type (
	clock   struct{}
	drive   struct{ clock *clock }
	archive struct{ drive *drive }
	page    struct{ archive *archive }
	names   interface{ Name() string }
)

func (*drive) Name() string { return "drive" }

func newDrive(c *clock) *drive     { return &drive{c} }
func newArchive(d *drive) *archive { return &archive{d} }
func newPage(s *archive) *page     { return &page{s} }

// plan returns one in which a clock is given and a bool is never a service.
func plan() *wiring.Plan {
	return wiring.New([]wiring.Given{{From: "the test", Provide: func() *clock { return &clock{} }}}, func(t reflect.Type) string {
		if t.Kind() == reflect.Bool {
			return "decide yourself"
		}
		return ""
	})
}

func group(name string, private, provide []any) *wiring.Group {
	return &wiring.Group{Name: name, Label: "module " + name, Here: "module " + name, Private: private, Provide: provide}
}

// Constructors run once each, whatever their order in the lists, and products get what they ask for.
func TestBuild(t *testing.T) {
	made := 0
	p := plan()
	g := group("a", []any{func(c *clock) *drive { made++; return newDrive(c) }}, []any{newArchive})
	for _, err := range p.Add(g) {
		t.Error(err)
	}
	p.Product(g, "page 1", newPage)
	p.Product(g, "page 2", newPage)
	for _, err := range p.Check() {
		t.Error(err)
	}
	pages, mistakes := p.Build()
	if len(mistakes) > 0 || len(pages) != 2 {
		t.Fatalf("got %v, %v", pages, mistakes)
	}
	one, two := pages[0].(*page), pages[1].(*page)
	if one == two || one.archive != two.archive || one.archive.drive.clock == nil || made != 1 {
		t.Errorf("got pages %p and %p with stores %p and %p, and %d disks, want two pages with one archive", one, two, one.archive, two.archive, made)
	}
	failed := errors.New("oh no")
	if err := p.Invoke(func(s *archive) error {
		return errors.Join(failed, p.Invoke(func(c *clock) {})) // one inside of another
	}); !errors.Is(err, failed) {
		t.Errorf("Invoke: got %v, want the function's own error", err)
	}
	if err := p.Invoke(func(*drive) {}); err == nil { // which is private
		t.Error("Invoke has given what is private")
	}
	var invoking sync.WaitGroup
	for range 10 {
		invoking.Go(func() { _ = p.Invoke(func(*archive) {}) })
	}
	invoking.Wait()
}

// A part gets what its group sees, each its own, and is nobody's service; also in a group that has no services.
func TestPart(t *testing.T) {
	p := plan()
	g := group("a", []any{newDrive}, []any{newArchive})
	p.Add(g)
	part := func(g *wiring.Group, fn any) func() any {
		made, err := p.Part(g, fn)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	broken := errors.New("no drive")
	type handler func()
	everywhere := &wiring.Group{Here: "a module"}
	one, two, global := part(g, newDrive), part(g, newDrive), part(everywhere, newPage)
	failing, empty := part(everywhere, func() (*drive, error) { return nil, broken }), part(g, func() handler { return nil })
	if mistakes := p.Check(); len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	_, mistakes := p.Build()
	err := errors.Join(mistakes...)
	if len(mistakes) != 2 || !errors.Is(err, broken) || !strings.Contains(err.Error(), "returned a nil wiring_test.handler and no error") {
		t.Errorf("got %v, want what two parts failed by", err)
	}
	if a, b := one().(*drive), two().(*drive); a == b || a.clock != b.clock {
		t.Errorf("got disks %p and %p, want two with one clock", a, b)
	}
	if global().(*page).archive == nil || failing() != nil || empty() != nil {
		t.Errorf("got %v, %v, %v, want a page and twice nothing", global(), failing(), empty())
	}

	p = plan()
	p.Add(group("a", []any{newDrive}, nil))
	part(everywhere, newArchive)
	part(everywhere, newPage)
	want := []string{"is private to module a", "fix: move wiring_test.newDrive from Private to Provide", "add a constructor that returns *wiring_test.archive to Provide of a module"}
	err = errors.Join(p.Check()...)
	for _, text := range want {
		if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "one of its own in Private") {
			t.Errorf("no %q in\n%v", text, err)
		}
	}
}

// What can be found without running a constructor is.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name             string
		private, provide []any
		other            []any // in another group
		product          any
		want             string // "" for no mistake
	}{
		{"all is there", nil, []any{newDrive, newArchive}, nil, newPage, ""},
		{"from another group", nil, []any{newArchive}, []any{newDrive}, newPage, ""},
		{"a service is missing", nil, []any{newArchive}, nil, nil, "needs *wiring_test.drive, which nothing provides"},
		{"a product's service is missing", nil, nil, nil, newPage, "newPage needs *wiring_test.archive, which nothing provides"},
		{"private elsewhere", []any{newDrive}, nil, []any{newArchive}, nil, "needs *wiring_test.drive, which is private to module a"},
		{"twice", nil, []any{newDrive}, []any{func() *drive { return nil }}, nil, "provides *wiring_test.drive, which"},
		{"what is given", nil, []any{func() *clock { return nil }}, nil, nil, "provides *wiring_test.clock, which comes from the test"},
		{"an interface that a service has", nil, []any{newDrive, func(names) int { return 1 }}, nil, nil, "did you mean *wiring_test.drive?"},
		{"what is never a service", nil, []any{func(bool) int { return 1 }}, nil, nil, "fix: decide yourself"},
		{"a circle", nil, []any{func(*page) *drive { return nil }, newArchive, newPage}, nil, nil, "constructors need each other in a circle"},
		{"of a product", nil, []any{newDrive, newArchive, func(*page) int { return 1 }}, nil, newPage, `of product makes`},
		{"no constructor", nil, []any{7}, nil, nil, "a service of module a"},
		{"nothing is made", nil, []any{func() error { return nil }}, nil, nil, "provides nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := plan()
			a, b := group("a", test.private, test.provide), group("b", nil, test.other)
			mistakes := append(p.Add(a), p.Add(b)...)
			if test.product != nil {
				p.Product(a, "owner of product", test.product)
			}
			err := errors.Join(append(mistakes, p.Check()...)...)
			if test.want == "" && err != nil || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A constructor that fails is told of once, however many needed it; a panic is found in the error.
func TestFailures(t *testing.T) {
	broken := errors.New("no drive")
	for _, test := range []struct {
		name    string
		drive   func() (*drive, error)
		product any
		want    string
	}{
		{"an error", func() (*drive, error) { return nil, broken }, newPage, "no drive"},
		{"nil", func() (*drive, error) { return nil, nil }, newPage, "returned a nil *wiring_test.drive and no error"},
		{"a panic", func() (*drive, error) { panic("out of order") }, newPage, "panicked: out of order"},
		{"of the product", func() (*drive, error) { return &drive{}, nil }, func(*archive) (*page, error) { return nil, broken }, "no drive"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := plan()
			g := group("a", nil, []any{test.drive, newArchive})
			p.Add(g)
			p.Product(g, "page 1", test.product)
			p.Product(g, "page 2", test.product)
			made, mistakes := p.Build()
			err := errors.Join(mistakes...)
			if strings.Count(fmt.Sprint(err), test.want) < 1 || len(made) != 2 || made[0] != nil {
				t.Errorf("got %v, %v, want %q", made, err, test.want)
			}
			if n := len(mistakes); n != 1 && test.name != "of the product" {
				t.Errorf("got %d mistakes, want 1: %v", n, mistakes)
			}
			var panicked *guard.Panic
			if errors.As(err, &panicked) != (test.name == "a panic") {
				t.Errorf("the panic in the error: %v", panicked)
			}
		})
	}
}

// A replacement is there for everybody, and what it replaces is not made.
func TestReplace(t *testing.T) {
	p := plan()
	g := group("a", nil, []any{func() *drive { t.Error("the drive was made"); return &drive{} }, newArchive})
	p.Add(g)
	p.Product(g, "page", newPage)
	mine := &drive{}
	p.Replace(func() *drive { return mine }, "here")
	made, mistakes := p.Build()
	if len(mistakes) > 0 || made[0].(*page).archive.drive != mine {
		t.Errorf("got %v, %v", made, mistakes)
	}
	p = plan()
	p.Replace(func() *drive { return mine }, "here")
	if _, mistakes := p.Build(); len(mistakes) != 1 || !strings.Contains(mistakes[0].Error(), "which nothing provides (here)") {
		t.Errorf("got %v, want that there is none to replace", mistakes)
	}
}

// A service of a product's type that no product is was meant to be one.
func TestUnserved(t *testing.T) {
	shared := &page{}
	for _, test := range []struct {
		name             string
		service, product any
		found            bool
	}{
		{"two pages", func() *page { return &page{} }, func() *page { return &page{} }, true},
		{"the product takes the service", func() *page { return &page{} }, func(g *page) *page { return g }, false},
		{"one value", func() *page { return shared }, func() *page { return shared }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := plan()
			g := group("a", nil, []any{test.service})
			p.Add(g)
			p.Product(g, "page 1", test.product)
			if _, mistakes := p.Build(); len(mistakes) > 0 != test.found {
				t.Errorf("got %v", mistakes)
			}
		})
	}
}
