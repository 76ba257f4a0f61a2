package wsgate

import (
	"fmt"
	"reflect"
	"slices"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/mistake"
)

// A route makes a value of its gateway's type that is nobody's service. A gateway becomes a service, and stays one value,
// when its constructor is in Provide and the route takes what it makes.

// takes is the constructor of a route that takes a service of its gateway's type.
func takes(gateway reflect.Type) string {
	return fmt.Sprintf("New: func(g %s) %[1]s { return g }", typeName(gateway))
}

// needsGateway returns the mistake of a constructor that asks for what routes make only, nil if none does. If the
// gateway only resembles what is asked for, near is true.
func (b *builder) needsGateway(p *provider, s service) (m *mistake.Mistake, near bool) {
	for i, owner := range b.owners {
		if owner == nil || len(owner.provides) == 0 || s.name != "" || slices.Contains(p.provides, owner.provides[0]) {
			continue
		}
		gateway := owner.provides[0]
		exact := gateway == s
		if !exact && (m != nil || !resembles(s.t, gateway.t)) {
			continue
		}
		m, near = &mistake.Mistake{
			What: fmt.Sprintf("constructor %s needs %v, which nothing provides: route %q makes its gateway for itself", p.name, s, b.routes[i].Path), Where: p.pos,
			Have: fmt.Sprintf("%v from %s at %s", gateway, owner.name, owner.pos),
			Fix: fmt.Sprintf("move what both need into a service of its own; or make the gateway a service that the route takes: %s in Provide of its module, and for the route %s",
				owner.name, takes(gateway.t)),
		}, !exact
		if exact {
			break
		}
		m.What = fmt.Sprintf("constructor %s needs %v, which nothing provides; did you mean the gateway of route %q?", p.name, s, b.routes[i].Path)
		m.Fix += fmt.Sprintf(", then ask for %v; if it is not meant, %s", gateway, advice(p, s))
	}
	return m, near
}

// checkGatewayServices looks for services that are meant to be gateways, and no client reaches them.
func (b *builder) checkGatewayServices() {
	for _, p := range b.providers {
		for _, s := range p.provides {
			if s.name == "" { // a gateway cannot have one
				b.wrong(b.unserved(p, s))
			}
		}
	}
}

// unserved returns the mistake of a service of the type of gateways, if no route serves its value and none of their
// constructors asks for it. Before they have run nobody can tell: two may return the same value.
func (b *builder) unserved(p *provider, s service) error {
	made := resultOf(p.results, s.t)
	if !made.IsValid() || made.Kind() != reflect.Pointer { // not called, as wstest.Replace has put another in its place; or copied
		return nil
	}
	route := -1
	for i, owner := range b.owners {
		if owner.results == nil || owner.results[0].Type() != s.t {
			continue
		}
		if owner.results[0].Pointer() == made.Pointer() || slices.Contains(owner.needs, s) {
			return nil
		}
		if route < 0 {
			route = i
		}
	}
	if route < 0 {
		return nil
	}
	owner := b.owners[route]
	m := &mistake.Mistake{
		What: fmt.Sprintf("constructor %s provides %v, and route %q makes another: services and clients would each have their own", p.name, s, b.routes[route].Path), Where: p.pos,
		Have: fmt.Sprintf("%v from %s at %s for the route", s, owner.name, owner.pos),
		Fix:  fmt.Sprintf("have the route take the service: %s; or provide what both need in a service of its own, and not the gateway", takes(s.t)),
	}
	if p.private && p.module != owner.module {
		m.Fix = fmt.Sprintf("move %s from Private to Provide and ", p.name) + m.Fix
	}
	return m
}

// resultOf returns what a constructor has returned for the service of a type, the zero Value if it was not called.
func resultOf(results []reflect.Value, t reflect.Type) reflect.Value {
	for _, v := range results {
		if v.Type() == t {
			return v
		}
		if !dig.IsOut(v.Type()) {
			continue
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("name") != "" || f.Tag.Get("group") != "" {
				continue
			}
			if found := resultOf([]reflect.Value{v.Field(i)}, t); found.IsValid() {
				return found
			}
		}
	}
	return reflect.Value{}
}
