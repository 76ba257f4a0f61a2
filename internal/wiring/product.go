package wiring

import (
	"fmt"
	"reflect"
	"slices"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// product is a constructor whose result only the caller gets: the gateway of a route. It is not a service. To make it
// one, and keep a single value, its constructor goes to Provide and the route takes the service.
type product struct {
	of string // `route "/chat"`, in messages
	by *provider
}

// Product adds a constructor of a group whose result only the caller gets. of names its owner in messages: `route
// "/chat"`.
func (p *Plan) Product(g *Group, of string, fn any) {
	if by, err := newProvider(g, fn, true); err == nil { // otherwise the caller reports it, with a better message
		p.products = append(p.products, product{of, by})
	}
}

// Part adds a constructor whose result only the caller gets and which cannot be confused with a service, such as
// middleware. Its group need not have been added. After Build, made returns the result, nil if it failed.
func (p *Plan) Part(g *Group, fn any) (made func() any, err error) {
	by, err := newProvider(g, fn, true)
	if err != nil {
		return nil, err
	}
	p.parts = append(p.parts, by)
	return func() any {
		if by.failed != nil || by.results == nil {
			return nil
		}
		return by.results[0].Interface()
	}, nil
}

// takes returns the source of a constructor that takes the service as the product.
func takes(gateway reflect.Type) string {
	return fmt.Sprintf("New: func(g %s) %[1]s { return g }", inspect.TypeName(gateway))
}

// needsProduct returns the mistake for a constructor that asks for a product, nil if there is none. near is true if the
// product only resembles the requested type.
func (p *Plan) needsProduct(by *provider, s service) (m *mistake.Mistake, near bool) {
	for _, product := range p.products {
		if s.name != "" || len(product.by.provides) == 0 || slices.Contains(by.provides, product.by.provides[0]) {
			continue
		}
		gateway := product.by.provides[0]
		exact := gateway == s
		if !exact && (m != nil || !resembles(s.t, gateway.t)) {
			continue
		}
		m, near = &mistake.Mistake{
			What: fmt.Sprintf("constructor %s needs %v, which nothing provides: %s makes its gateway for itself", by.name, s, product.of), Where: by.pos,
			Have: fmt.Sprintf("%v from %s at %s", gateway, product.by.name, product.by.pos),
			Fix: fmt.Sprintf("move what both need into a service of its own; or make the gateway a service that the route takes: %s in Provide of its module, and for the route %s",
				product.by.name, takes(gateway.t)),
		}, !exact
		if exact {
			break
		}
		m.What = fmt.Sprintf("constructor %s needs %v, which nothing provides; did you mean the gateway of %s?", by.name, s, product.of)
		m.Fix += fmt.Sprintf(", then ask for %v; if it is not meant, %s", gateway, p.advice(by, s))
	}
	return m, near
}

// checkUnserved finds services of a product's type that no product uses.
func (p *Plan) checkUnserved() (mistakes []error) {
	for _, one := range p.providers {
		for _, s := range one.provides {
			if s.name != "" { // products have no names
				continue
			}
			if err := p.unserved(one, s); err != nil {
				mistakes = append(mistakes, err)
			}
		}
	}
	return mistakes
}

// unserved returns the mistake for a service of a product's type, if no product has its value and no product's
// constructor asks for it. This is known only after they have run, since two constructors may return the same value.
func (p *Plan) unserved(by *provider, s service) error {
	made := resultOf(by.results, s.t)
	if !made.IsValid() || made.Kind() != reflect.Pointer { // not called, because of Replace; or a value, which was copied
		return nil
	}
	var other *product
	for i, product := range p.products {
		if product.by.results == nil || product.by.results[0].Type() != s.t {
			continue
		}
		if product.by.results[0].Pointer() == made.Pointer() || slices.Contains(product.by.needs, s) {
			return nil
		}
		if other == nil {
			other = &p.products[i]
		}
	}
	if other == nil {
		return nil
	}
	m := &mistake.Mistake{
		What: fmt.Sprintf("constructor %s provides %v, and %s makes another: services and clients would each have their own", by.name, s, other.of), Where: by.pos,
		Have: fmt.Sprintf("%v from %s at %s for the route", s, other.by.name, other.by.pos),
		Fix:  fmt.Sprintf("have the route take the service: %s; or provide what both need in a service of its own, and not the gateway", takes(s.t)),
	}
	if by.private && by.group != other.by.group {
		m.Fix = fmt.Sprintf("move %s from Private to Provide and ", by.name) + m.Fix
	}
	return m
}

// resultOf returns a constructor's result of a service's type, the zero Value if it was not called.
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
