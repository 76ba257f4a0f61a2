package wsgate

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// builtin are the services that the App provides itself.
var builtin = map[reflect.Type]string{
	reflect.TypeFor[*Hub]():         "App.Hub",
	reflect.TypeFor[*Lifecycle]():   "the App",
	reflect.TypeFor[*slog.Logger](): "Options.Logger",
}

// checkServices checks that everything a constructor needs is provided once, and not by itself.
func (b *builder) checkServices() {
	for i, p := range b.providers {
		for _, s := range p.provides {
			b.wrong(b.checkUnique(p, s, b.providers[:i]))
		}
	}
	seen := map[string]bool{} // a constructor on two routes has one mistake
	for _, p := range slices.Concat(b.providers, b.owners) {
		if p == nil {
			continue
		}
		for _, s := range p.needs {
			if _, ok := b.find(p.module, s); !ok && !seen[p.pos+s.String()] {
				seen[p.pos+s.String()] = true
				b.wrong(b.missing(p, s))
			}
		}
	}
	b.checkCircles()
}

// checkUnique returns the mistake of a service that one module sees twice.
func (b *builder) checkUnique(p *provider, s service, before []*provider) error {
	if owner, ok := builtin[s.t]; ok && s.name == "" {
		return &mistake.Mistake{
			What: fmt.Sprintf("constructor %s provides %v, which comes from %s", p.name, s, owner), Where: p.pos,
			Fix: "remove it from the module",
		}
	}
	for _, other := range before {
		both := other.module == p.module || !other.private && !p.private || other.private != p.private
		if !both || !slices.Contains(other.provides, s) {
			continue
		}
		return &mistake.Mistake{
			What: fmt.Sprintf("constructor %s provides %v, which %s provides already", p.name, s, other.name), Where: p.pos,
			Have: fmt.Sprintf("%s at %s in %s", other.name, other.pos, other.module.label()),
			Fix:  "remove one of them, or make each Private to a module of its own",
		}
	}
	return nil
}

// find returns the provider of a service as a module sees it; nil and true for one of the App's own.
func (b *builder) find(m *Module, s service) (*provider, bool) {
	if _, ok := builtin[s.t]; ok && s.name == "" {
		return nil, true
	}
	for _, p := range b.providers {
		if (!p.private || p.module == m) && slices.Contains(p.provides, s) {
			return p, true
		}
	}
	return nil, false
}

// missing says what could be meant by a service that nothing provides.
func (b *builder) missing(p *provider, s service) error {
	m := &mistake.Mistake{
		What: fmt.Sprintf("constructor %s needs %v, which nothing provides", p.name, s), Where: p.pos,
		Fix: fmt.Sprintf("add a constructor that returns %v to Provide of %s", s, p.module.here()),
	}
	for _, other := range b.providers {
		for _, has := range other.provides {
			switch {
			case has == s: // private elsewhere
				m.What = fmt.Sprintf("constructor %s needs %v, which is private to %s", p.name, s, other.module.label())
				m.Have = fmt.Sprintf("%s at %s", other.name, other.pos)
				m.Fix = fmt.Sprintf("move %s from Private to Provide", other.name)
				return m
			case other.private && other.module != p.module:
			case has.t == reflect.PointerTo(s.t), reflect.PointerTo(has.t) == s.t,
				s.t.Kind() == reflect.Interface && has.t.Implements(s.t), has.t.Kind() == reflect.Interface && s.t.Implements(has.t):
				m.Have = fmt.Sprintf("%v from %s at %s", has, other.name, other.pos)
				m.Fix = fmt.Sprintf("did you mean %v? ask for it, or have its constructor return %v", has, s)
			}
		}
	}
	return m
}

// checkCircles looks for constructors that need their own results.
func (b *builder) checkCircles() {
	done := map[*provider]bool{}
	var visit func(p *provider, trail []*provider)
	visit = func(p *provider, trail []*provider) {
		if i := slices.Index(trail, p); i >= 0 {
			b.wrong(circle(trail[i:]))
			return
		}
		if p == nil || done[p] {
			return
		}
		for _, s := range p.needs {
			next, _ := b.find(p.module, s)
			visit(next, append(slices.Clip(trail), p))
		}
		done[p] = true
	}
	for _, p := range b.providers {
		visit(p, nil)
	}
}

func circle(trail []*provider) error {
	var steps []string
	for i, p := range trail {
		next := trail[(i+1)%len(trail)]
		for _, s := range p.needs {
			if slices.Contains(next.provides, s) {
				steps = append(steps, fmt.Sprintf("%s (%s) needs %v", p.name, p.pos, s))
				break
			}
		}
	}
	return &mistake.Mistake{
		What: "constructors need each other in a circle", Where: trail[0].pos,
		Have: strings.Join(steps, ", "),
		Fix:  "take the dependency out of one of them, e.g. set it later or let both depend on a third",
	}
}

// invokeError says what App.Invoke's function could not get.
func invokeError(fn any, err error) error {
	root := dig.RootCause(err)
	if root == err { //nolint:errorlint // that is how RootCause says that dig did not make the error
		return err
	}
	return &mistake.Mistake{What: "App.Invoke of " + inspect.FuncName(fn) + ": " + mistake.Type(root.Error()), Where: inspect.FuncPos(fn), Err: root}
}
