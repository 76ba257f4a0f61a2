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
	reflect.TypeFor[*slog.Logger](): "Options.Logger, which may be your own",
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
			Fix: "leave it out of what the constructor returns, or, if nothing else is, the constructor out of the module",
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
			Fix:  "provide it once, or make each Private to a module of its own",
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
	m := &mistake.Mistake{What: fmt.Sprintf("constructor %s needs %v, which nothing provides", p.name, s), Where: p.pos, Fix: advice(p, s)}
	gateway, near := b.needsGateway(p, s)
	if gateway != nil && !near {
		return gateway
	}
	for t := range builtin {
		if resembles(s.t, t) {
			m.Fix = fmt.Sprintf("did you mean %s? ask for it", typeName(t))
			return m
		}
	}
	for _, other := range b.providers {
		for _, has := range other.provides {
			switch {
			case has == s: // private elsewhere
				m.What = fmt.Sprintf("constructor %s needs %v, which is private to %s", p.name, s, other.module.label())
				m.Have = fmt.Sprintf("%s at %s", other.name, other.pos)
				m.Fix = fmt.Sprintf("move %s from Private to Provide, or give %s one of its own in Private", other.name, p.module.label())
				return m
			case other.private && other.module != p.module:
			case resembles(s.t, has.t):
				m.Have = fmt.Sprintf("%v from %s at %s", has, other.name, other.pos)
				m.Fix = fmt.Sprintf("did you mean %v? ask for it, or %s", has, alternative(p, s, has))
			}
		}
	}
	if gateway != nil && m.Have == "" {
		return gateway
	}
	return m
}

// resembles reports whether who asks for a service of type t may have meant one of type has.
func resembles(t, has reflect.Type) bool {
	return has == reflect.PointerTo(t) || t == reflect.PointerTo(has) || fits(t, has) || fits(has, t)
}

// fits reports whether t is an interface that says something, and has implements it.
func fits(t, has reflect.Type) bool {
	return t.Kind() == reflect.Interface && t.NumMethod() > 0 && has.Implements(t)
}

// advice says how to get a service that there is not.
func advice(p *provider, s service) string {
	switch {
	case s.t == reflect.TypeFor[*App]():
		return "ask for a *wsgate.Hub or a *wsgate.Lifecycle, or give the App to the service by App.Invoke when New has returned"
	case isConn(s.t) || s.t == reflect.TypeFor[AnyConn]():
		return "hooks and handlers get the connection: have them pass it on, or ask for a *wsgate.Hub, which has all of them"
	case s.name != "":
		return fmt.Sprintf("add a constructor to Provide of %s that returns a dig.Out with a field of type %s and the tag `name:%q`", p.module.here(), typeName(s.t), s.name)
	}
	return fmt.Sprintf("add a constructor that returns %v to Provide of %s", s, p.module.here())
}

// alternative says what to do beside asking for a service that resembles what is asked for.
func alternative(p *provider, s, has service) string {
	switch {
	case fits(s.t, has.t) && s.name == "" && has.name == "":
		return fmt.Sprintf("add func(v %v) %v { return v } to Provide of %s", has, s, p.module.here())
	case fits(s.t, has.t) || fits(has.t, s.t) || s.name != has.name:
		return advice(p, s)
	}
	return fmt.Sprintf("have its constructor return %v, if nobody else asks for %v", s, has)
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
