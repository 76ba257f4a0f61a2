package wiring

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// Check returns the mistakes that can be found without running a constructor: missing services, services provided
// twice, and circular dependencies.
func (p *Plan) Check() (mistakes []error) {
	note := func(err error) {
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	for i, one := range p.providers {
		for _, s := range one.provides {
			note(p.checkUnique(one, s, p.providers[:i]))
		}
	}
	constructors := slices.Concat(p.providers, p.parts)
	for _, product := range p.products {
		constructors = append(constructors, product.by)
	}
	seen := map[string]bool{} // a constructor that is listed twice has one mistake
	for _, one := range constructors {
		for _, s := range one.needs {
			if _, ok := p.find(one.group, s); !ok && !seen[one.pos+s.String()] {
				seen[one.pos+s.String()] = true
				note(p.missing(one, s))
			}
		}
	}
	return append(mistakes, p.checkCircles()...)
}

// givenAs returns the source of a given service, "" if it is not given.
func (p *Plan) givenAs(t reflect.Type) string {
	for _, g := range p.given {
		if g.typ() == t {
			return g.From
		}
	}
	return ""
}

// checkUnique returns a mistake for a service that is available twice to one group.
func (p *Plan) checkUnique(one *provider, s service, before []*provider) error {
	if owner := p.givenAs(s.t); owner != "" && s.name == "" {
		return &mistake.Mistake{
			What: fmt.Sprintf("constructor %s provides %v, which comes from %s", one.name, s, owner), Where: one.pos,
			Fix: "leave it out of what the constructor returns, or, if nothing else is, the constructor out of the module",
		}
	}
	for _, other := range before {
		both := other.group == one.group || !other.private && !one.private || other.private != one.private
		if !both || !slices.Contains(other.provides, s) {
			continue
		}
		return &mistake.Mistake{
			What: fmt.Sprintf("constructor %s provides %v, which %s provides already", one.name, s, other.name), Where: one.pos,
			Have: fmt.Sprintf("%s at %s in %s", other.name, other.pos, other.group.Label),
			Fix:  "provide it once, or make each Private to a module of its own",
		}
	}
	return nil
}

// find returns the provider of a service that is available to a group; nil and true for a given service.
func (p *Plan) find(g *Group, s service) (*provider, bool) {
	if s.name == "" && p.givenAs(s.t) != "" {
		return nil, true
	}
	for _, one := range p.providers {
		if (!one.private || one.group == g) && slices.Contains(one.provides, s) {
			return one, true
		}
	}
	return nil, false
}

// missing returns the mistake for a service that nothing provides, with advice.
func (p *Plan) missing(by *provider, s service) error {
	m := &mistake.Mistake{What: fmt.Sprintf("constructor %s needs %v, which nothing provides", by.name, s), Where: by.pos, Fix: p.advice(by, s)}
	product, near := p.needsProduct(by, s)
	if product != nil && !near {
		return product
	}
	for _, g := range p.given {
		if resembles(s.t, g.typ()) {
			m.Fix = fmt.Sprintf("did you mean %s? ask for it", inspect.TypeName(g.typ()))
			return m
		}
	}
	for _, other := range p.providers {
		for _, has := range other.provides {
			switch {
			case has == s: // private elsewhere
				m.What = fmt.Sprintf("constructor %s needs %v, which is private to %s", by.name, s, other.group.Label)
				m.Have = fmt.Sprintf("%s at %s", other.name, other.pos)
				m.Fix = fmt.Sprintf("move %s from Private to Provide", other.name)
				if by.group.Label != "" {
					m.Fix += fmt.Sprintf(", or give %s one of its own in Private", by.group.Label)
				}
				return m
			case other.private && other.group != by.group:
			case resembles(s.t, has.t):
				m.Have = fmt.Sprintf("%v from %s at %s", has, other.name, other.pos)
				m.Fix = fmt.Sprintf("did you mean %v? ask for it, or %s", has, p.alternative(by, s, has))
			}
		}
	}
	if product != nil && m.Have == "" {
		return product
	}
	return m
}

// resembles reports whether a request for type t may have meant type has.
func resembles(t, has reflect.Type) bool {
	return has == reflect.PointerTo(t) || t == reflect.PointerTo(has) || fits(t, has) || fits(has, t)
}

// fits reports whether t is a non-empty interface that has implements.
func fits(t, has reflect.Type) bool {
	return t.Kind() == reflect.Interface && t.NumMethod() > 0 && has.Implements(t)
}

// advice returns how to provide a missing service.
func (p *Plan) advice(by *provider, s service) string {
	if instead := p.never(s.t); instead != "" {
		return instead
	}
	if s.name != "" {
		return fmt.Sprintf("add a constructor to Provide of %s that returns a dig.Out with a field of type %s and the tag `name:%q`", by.group.Here, inspect.TypeName(s.t), s.name)
	}
	return fmt.Sprintf("add a constructor that returns %v to Provide of %s", s, by.group.Here)
}

// alternative returns advice besides asking for a service that resembles the missing one.
func (p *Plan) alternative(by *provider, s, has service) string {
	switch {
	case fits(s.t, has.t) && s.name == "" && has.name == "":
		return fmt.Sprintf("add func(v %v) %v { return v } to Provide of %s", has, s, by.group.Here)
	case fits(s.t, has.t) || fits(has.t, s.t) || s.name != has.name:
		return p.advice(by, s)
	}
	return fmt.Sprintf("have its constructor return %v, if nobody else asks for %v", s, has)
}

// checkCircles finds circular dependencies.
func (p *Plan) checkCircles() (mistakes []error) {
	done := map[*provider]bool{}
	var visit func(one *provider, trail []*provider)
	visit = func(one *provider, trail []*provider) {
		if i := slices.Index(trail, one); i >= 0 {
			mistakes = append(mistakes, circle(trail[i:]))
			return
		}
		if one == nil || done[one] {
			return
		}
		for _, s := range one.needs {
			next, _ := p.find(one.group, s)
			visit(next, append(slices.Clip(trail), one))
		}
		done[one] = true
	}
	for _, one := range p.providers {
		visit(one, nil)
	}
	return mistakes
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
