package wsgate

import (
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
			b.wrong(&mistake.Mistake{What: "Replace of " + typeName(t) + ", which nothing provides", Where: s.Pos, Fix: "replace the type that the constructor returns and others ask for"})
			continue
		}
		if err := b.app.container.Decorate(s.Decorator); err != nil {
			b.wrong(&mistake.Mistake{What: "Replace of " + typeName(t) + ": " + mistake.Type(dig.RootCause(err).Error()), Where: s.Pos, Err: err})
		}
	}
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
