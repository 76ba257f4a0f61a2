package wiring

import (
	"fmt"
	"reflect"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// replacement replaces a service.
type replacement struct {
	decorator any    // func() T
	pos       string // file:line of the caller
}

// Replace makes the decorator, a func() T, provide the service T in all groups. The original provider is not called.
func (p *Plan) Replace(decorator any, pos string) {
	p.replaced = append(p.replaced, replacement{decorator, pos})
}

// replace registers the replacements with dig.
func (p *Plan) replace() (mistakes []error) {
	for _, r := range p.replaced {
		t := reflect.TypeOf(r.decorator).Out(0)
		if !p.provided(t) {
			mistakes = append(mistakes, p.notReplaceable(t, r.pos))
			continue
		}
		if err := p.container.Decorate(r.decorator); err != nil {
			mistakes = append(mistakes, &mistake.Mistake{What: "Replace of " + inspect.TypeName(t) + ": " + mistake.Type(dig.RootCause(err).Error()), Where: r.pos, Err: err})
		}
	}
	return mistakes
}

// notReplaceable returns the mistake for a replacement of a service that nothing provides.
func (p *Plan) notReplaceable(t reflect.Type, pos string) error {
	m := &mistake.Mistake{
		What: "Replace of " + inspect.TypeName(t) + ", which nothing provides", Where: pos,
		Fix: "replace the type that the constructor returns and others ask for",
	}
	if from := p.givenAs(t); from != "" {
		m.What = "Replace of " + inspect.TypeName(t) + ", which comes from " + from
		m.Fix = "remove it; wstest.With sets Options"
	}
	for _, product := range p.products {
		if product.by.provides[0].t == t {
			m.Have = fmt.Sprintf("a gateway, which %s makes by %s at %s", product.of, product.by.name, product.by.pos)
			m.Fix = "replace the services that the gateway asks for, or test a module whose route has another New"
		}
	}
	return m
}

func (p *Plan) provided(t reflect.Type) bool {
	for _, one := range p.providers {
		for _, s := range one.provides {
			if s == (service{t: t}) {
				return true
			}
		}
	}
	return false
}
