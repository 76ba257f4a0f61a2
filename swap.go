package wsgate

import (
	"fmt"
	"reflect"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/testkit"
)

func init() {
	testkit.Build = func(root, options any, swaps []testkit.Swap) (any, error) {
		b := newBuilder(options.(*Options))
		b.swaps = swaps
		return b.build(root.(*Module))
	}
}

// swap puts services in the place of those that the modules provide, in every module.
func (b *builder) swap() {
	for _, s := range b.swaps {
		t := reflect.TypeOf(s.Decorator).Out(0)
		if !b.provided(t) {
			b.wrong(b.notReplaceable(t, s.Pos))
			continue
		}
		if err := b.app.container.Decorate(s.Decorator); err != nil {
			b.wrong(&mistake.Mistake{What: "Replace of " + typeName(t) + ": " + mistake.Type(dig.RootCause(err).Error()), Where: s.Pos, Err: err})
		}
	}
}

// notReplaceable returns the mistake of replacing what nothing provides.
func (b *builder) notReplaceable(t reflect.Type, pos string) error {
	m := &mistake.Mistake{
		What: "Replace of " + typeName(t) + ", which nothing provides", Where: pos,
		Fix: "replace the type that the constructor returns and others ask for",
	}
	if owner, ok := builtin[t]; ok {
		m.What = "Replace of " + typeName(t) + ", which comes from " + owner
		m.Fix = "remove it; wstest.With sets Options"
	}
	for i, owner := range b.owners {
		if owner.provides[0].t == t {
			m.Have = fmt.Sprintf("a gateway, which route %q makes by %s at %s", b.routes[i].Path, owner.name, owner.pos)
			m.Fix = "replace the services that the gateway asks for, or test a module whose route has another New"
		}
	}
	return m
}

func (b *builder) provided(t reflect.Type) bool {
	for _, p := range b.providers {
		for _, s := range p.provides {
			if s == (service{t: t}) {
				return true
			}
		}
	}
	return false
}
