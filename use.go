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

// httpMiddleware is what Options.HTTP lists.
type httpMiddleware = func(http.Handler) http.Handler

// listed is an entry of Use or HTTP: a middleware, or what constructs one.
type listed[M any] struct {
	place      string // as `route "/ws": Use[0]`
	middleware M
	made       func() any // what its constructor returned, nil if it failed; nil for a middleware itself
}

// list returns the entries of Use or HTTP, which place says, as far as they are right. Constructors see what the
// group sees.
func list[M any](b *builder, place string, g *wiring.Group, entries []any) (all []listed[M]) {
	want := reflect.TypeFor[M]()
	for i, value := range entries {
		entry := listed[M]{place: fmt.Sprintf("%s[%d]", place, i)}
		v := reflect.ValueOf(value)
		switch {
		case !v.IsValid() || v.Kind() == reflect.Func && v.IsNil():
			b.addErrors(&mistake.Mistake{What: entry.place + " is nil", Fix: "remove it"})
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
			b.addErrors(notMiddleware(entry.place, value, want))
			continue
		}
		all = append(all, entry)
	}
	return all
}

// constructs reports whether t is the type of a constructor of what is wanted.
func constructs(t, want reflect.Type) bool {
	if t.Kind() != reflect.Func {
		return false
	}
	n := t.NumOut()
	return (n == 1 || n == 2 && t.Out(1) == typeOfError) && t.Out(0).Kind() == reflect.Func && t.Out(0).ConvertibleTo(want)
}

// notMiddleware returns the mistake of an entry that is neither middleware nor its constructor.
func notMiddleware(place string, value any, want reflect.Type) error {
	t, name := reflect.TypeOf(value), inspect.TypeName(want)
	m := &mistake.Mistake{
		What: place + " is no middleware", Have: inspect.TypeName(t),
		Want: fmt.Sprintf("%s, or its constructor: func(services...) %[1]s or func(services...) (%[1]s, error)", name),
		Fix:  fmt.Sprintf("list the middleware itself, or what constructs it; for a method of a service: func(s *Service) %s { return s.Method }", name),
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

// get returns the middleware of an entry, when the constructors have run; false if its own failed.
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

// wrapAll puts middleware around what it wraps, the first outermost, and notes one that fails.
func wrapAll[H any, M ~func(H) H](b *builder, list []listed[M], h H) H {
	for _, entry := range slices.Backward(list) {
		wrap, ok := entry.get()
		if !ok {
			continue
		}
		var wrapped H
		if err := safely(func() error { wrapped = wrap(h); return nil }); err != nil {
			b.addErrors(panicked(entry.place, err))
			continue
		}
		if v := reflect.ValueOf(wrapped); !v.IsValid() || v.IsZero() {
			b.addErrors(&mistake.Mistake{What: entry.place + " returns nil", Where: inspect.FuncPos(wrap), Want: "a handler that calls next"})
			continue
		}
		h = wrapped
	}
	return h
}
