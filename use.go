package wsgate

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/wiring"
)

// httpMiddleware is the type of an entry of Options.HTTP.
type httpMiddleware = func(http.Handler) http.Handler

// listed is an entry of Use or HTTP: a middleware or its constructor.
type listed[M any] struct {
	label      string // such as `route "/ws": Use[0]`
	middleware M
	made       func() any // returns the constructor's result, nil if it failed; nil for a middleware
}

// list returns the valid entries of the Use or HTTP that label names. Constructors can use the services available to
// the group.
func list[M any](b *builder, label string, g *wiring.Group, entries []any) (all []listed[M]) {
	want := reflect.TypeFor[M]()
	for i, value := range entries {
		entry := listed[M]{label: fmt.Sprintf("%s[%d]", label, i)}
		v := reflect.ValueOf(value)
		switch {
		case !v.IsValid() || v.Kind() == reflect.Func && v.IsNil():
			b.addErrors(&mistake.Mistake{What: entry.label + " is nil", Fix: "remove it"})
			continue
		case v.CanConvert(want):
			entry.middleware = v.Convert(want).Interface().(M)
		case constructs(v.Type(), want):
			made, err := b.plan.Part(g, value)
			if err != nil {
				b.addErrors(err)
				continue
			}
			entry.made = made
		default:
			b.addErrors(notMiddleware(entry.label, value, want))
			continue
		}
		all = append(all, entry)
	}
	return all
}

// constructs reports whether t is the type of a constructor of want.
func constructs(t, want reflect.Type) bool {
	if t.Kind() != reflect.Func {
		return false
	}
	n := t.NumOut()
	return (n == 1 || n == 2 && t.Out(1) == typeOfError) && t.Out(0).Kind() == reflect.Func && t.Out(0).ConvertibleTo(want)
}

// notMiddleware returns the mistake for an entry that is neither a middleware nor a constructor of one.
func notMiddleware(label string, value any, want reflect.Type) error {
	t, name := reflect.TypeOf(value), inspect.TypeName(want)
	m := &mistake.Mistake{
		What: label + " is no middleware", Have: inspect.TypeName(t),
		Want: fmt.Sprintf("%s, or its constructor: func(services...) %[1]s or func(services...) (%[1]s, error)", name),
		Fix:  fmt.Sprintf("list the middleware itself, or a constructor of it; for a method of a service: func(s *Service) %s { return s.Method }", name),
	}
	if t.Kind() == reflect.Func {
		m.Where = inspect.FuncPos(value)
	}
	of := func(other reflect.Type) bool { return t.ConvertibleTo(other) || constructs(t, other) }
	switch {
	case of(reflect.TypeFor[httpMiddleware]()):
		m.Fix = "list it in Options.HTTP, whose middleware is around the upgrade"
	case of(reflect.TypeFor[Middleware]()):
		m.Fix = "list it in Use, whose middleware is around the hooks"
	}
	return m
}

// get returns the middleware of an entry after the constructors have run; false if its constructor failed.
func (entry listed[M]) get() (M, bool) {
	if entry.made == nil {
		return entry.middleware, true
	}
	made := entry.made()
	if made == nil {
		return entry.middleware, false
	}
	return reflect.ValueOf(made).Convert(reflect.TypeFor[M]()).Interface().(M), true
}

// wrapAll wraps h in the middleware, the first outermost, and records a mistake for one that panics or returns nil.
func wrapAll[H any, M ~func(H) H](b *builder, list []listed[M], h H) H {
	for _, entry := range slices.Backward(list) {
		wrap, ok := entry.get()
		if !ok {
			continue
		}
		var wrapped H
		if err := safely(func() error { wrapped = wrap(h); return nil }); err != nil {
			b.addErrors(panicked(entry.label, err))
			continue
		}
		if v := reflect.ValueOf(wrapped); !v.IsValid() || v.IsZero() {
			b.addErrors(&mistake.Mistake{What: entry.label + " returns nil", Where: inspect.FuncPos(wrap), Want: "a handler that calls next"})
			continue
		}
		h = wrapped
	}
	return h
}
