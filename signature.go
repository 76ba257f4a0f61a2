package wsgate

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/hookname"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

var (
	typeOfError    = reflect.TypeFor[error]()
	typeOfConnType = reflect.TypeFor[connType]()
)

// anyEvents is implemented by *Events[D] for every D.
type anyEvents interface{ conn() connType }

// signatures returns the type of every hook for this D.
func (*Conn[D]) signatures() map[string]any {
	return map[string]any{
		"OnUpgrade": (func(*http.Request) (D, error))(nil),
		"OnOpen":    (func(context.Context, *Conn[D]) error)(nil),
		"OnMessage": (func(context.Context, *Conn[D], Message) error)(nil),
		"OnRefresh": (func(context.Context, *Conn[D], string) (D, error))(nil),
		"OnClose":   (func(context.Context, *Conn[D], error))(nil),
		"Events":    (func() Events[D])(nil),
	}
}

// checkGateway checks a gateway's constructor and the hooks of the type that it returns. It returns the gateway's
// connection type.
func checkGateway(rt *Route) (connType, []error) {
	constructor := rt.New
	if !inspect.IsFunc(constructor) {
		value := reflect.ValueOf(constructor)
		if value.Kind() == reflect.Struct { // the hooks are methods of the pointer
			value = reflect.New(value.Type())
		}
		return nil, []error{&mistake.Mistake{
			What: fmt.Sprintf("route %q: its constructor", rt.Path), Where: rt.pos,
			Have: inspect.NotFunc(constructor), Want: "func(services...) *G or func(services...) (*G, error)",
			Fix: inspect.ConstructorFor(value),
		}}
	}
	what, where := inspect.FuncName(constructor), inspect.FuncPos(constructor)
	ft := reflect.TypeOf(constructor)
	if n := ft.NumOut(); n == 0 || n > 2 || n == 2 && ft.Out(1) != typeOfError || ft.Out(0) == typeOfError {
		return nil, []error{&mistake.Mistake{
			What: "constructor " + what, Where: where, Have: inspect.TypeName(ft),
			Want: "func(services...) *G or func(services...) (*G, error)",
		}}
	}
	gateway := ft.Out(0)
	if gateway.Kind() == reflect.Interface {
		return nil, []error{&mistake.Mistake{
			What: "constructor " + what + " returns the interface " + inspect.TypeName(gateway), Where: where,
			Want: "the gateway's own type, so that its hooks can be checked before it is built",
		}}
	}
	return checkHooks(gateway, what, where)
}

// checkHooks checks the hooks of a gateway type.
func checkHooks(gateway reflect.Type, constructor, where string) (ct connType, mistakes []error) {
	name := inspect.TypeName(gateway)
	hooks := inspect.Hooks(gateway)
	if gateway.Kind() != reflect.Pointer {
		if ptr := inspect.Hooks(reflect.PointerTo(gateway)); len(ptr) > len(hooks) {
			return nil, []error{&mistake.Mistake{
				What: fmt.Sprintf("constructor %s returns the value %s, whose hooks are on the pointer: %s has no %s", constructor, name, name, hookNames(missingIn(ptr, hooks))), Where: where,
				Have: name, Want: "*" + name, Fix: fmt.Sprintf("return a pointer: *%s", name),
			}}
		}
	}
	mistaken := func(m inspect.Hook, meant string) {
		mistakes = append(mistakes, &mistake.Mistake{
			What: fmt.Sprintf("%s.%s is not a hook and would never be called", name, m.Name), Where: m.Pos,
			Fix: "did you mean " + meant + "? else choose another name",
		})
	}
	for _, m := range inspect.WrongNames(gateway) {
		mistaken(m, hookname.Instead[m.Name])
	}
	if m, ok := inspect.Event(gateway); ok && returnsTable(m.Type) && !strings.Contains(hookNames(hooks), hookname.Table) {
		mistaken(m, hookname.Table)
	}
	if len(hooks) == 0 {
		return nil, append(mistakes, &mistake.Mistake{
			What: "gateway " + name + " has no hook", Where: where,
			Want: "at least one of OnUpgrade, OnOpen, OnMessage, OnClose, Events",
			Fix:  "give it one of them: hooks are exported methods with exactly these names",
		})
	}
	ct, conflict := connTypeOf(name, hooks)
	if conflict != nil {
		return nil, append(mistakes, conflict)
	}
	for _, h := range hooks {
		if want := wantedSignature(ct, h); want != "" {
			mistakes = append(mistakes, &mistake.Mistake{What: name + "." + h.Name, Where: h.Pos, Have: inspect.TypeName(h.Type), Want: want})
		}
	}
	has := hookNames(hooks)
	if strings.Contains(has, "OnMessage") && strings.Contains(has, "Events") {
		mistakes = append(mistakes, &mistake.Mistake{
			What: "gateway " + name + " has both OnMessage and Events", Where: where,
			Fix: "keep OnMessage for messages as they are, or Events for typed ones",
		})
	}
	if ct == nil {
		ct = (*Conn[any])(nil) // only OnUpgrade, so no hook mentions *Conn[D]
	}
	return ct, mistakes
}

func hookNames(hooks []inspect.Hook) string {
	names := make([]string, len(hooks))
	for i, h := range hooks {
		names[i] = h.Name
	}
	return strings.Join(names, ", ")
}

func missingIn(all, some []inspect.Hook) []inspect.Hook {
	return slices.DeleteFunc(slices.Clone(all), func(h inspect.Hook) bool {
		return slices.ContainsFunc(some, func(s inspect.Hook) bool { return s.Name == h.Name })
	})
}

// connTypeOf returns the *Conn[D] that the hooks agree on, nil if none mentions one.
func connTypeOf(gateway string, hooks []inspect.Hook) (found connType, conflict error) {
	var first inspect.Hook
	for _, h := range hooks {
		ct := connTypeIn(h.Type)
		switch {
		case ct == nil:
		case found == nil:
			found, first = ct, h
		case reflect.TypeOf(ct) != reflect.TypeOf(found):
			return nil, &mistake.Mistake{
				What: fmt.Sprintf("gateway %s: its hooks have different data types", gateway), Where: h.Pos,
				Have: fmt.Sprintf("%s in %s, but %s in %s (%s)", inspect.TypeName(reflect.TypeOf(ct)), h.Name, inspect.TypeName(reflect.TypeOf(found)), first.Name, first.Pos),
				Fix:  "one connection has one type of data: use it in every hook",
			}
		}
	}
	return found, nil
}

// connTypeIn finds a *Conn[D], or an Events[D], among a function's parameters and results.
func connTypeIn(ft reflect.Type) connType {
	for i := range ft.NumIn() {
		if t := ft.In(i); isConn(t) {
			return reflect.Zero(t).Interface().(connType)
		}
	}
	for i := range ft.NumOut() {
		if e, ok := reflect.New(ft.Out(i)).Interface().(anyEvents); ok {
			return e.conn()
		}
	}
	return nil
}

// returnsTable reports whether a method without parameters returns an Events[D] or a slice like it.
func returnsTable(method reflect.Type) bool {
	if method.NumIn() != 0 || method.NumOut() != 1 || method.Out(0).Kind() != reflect.Slice {
		return false
	}
	binding := method.Out(0).Elem()
	return binding.PkgPath() == packagePath && strings.HasPrefix(binding.Name(), "Binding[")
}

// isConn reports whether t is *Conn[D] itself, since a struct that embeds one also implements connType.
func isConn(t reflect.Type) bool {
	generic := func(t reflect.Type) string {
		name, _, _ := strings.Cut(t.Name(), "[")
		return t.PkgPath() + "." + name
	}
	return t.Kind() == reflect.Pointer && t.Implements(typeOfConnType) && generic(t.Elem()) == generic(reflect.TypeFor[Conn[any]]())
}

// wantedSignature returns the signature that a hook should have, "" if it is right.
func wantedSignature(ct connType, h inspect.Hook) string {
	if ct == nil { // D is unknown
		if h.Name == "OnUpgrade" && isUpgrade(h.Type) {
			return ""
		}
		printed := inspect.TypeName(reflect.TypeOf((*Conn[unknown])(nil).signatures()[h.Name]))
		return strings.ReplaceAll(printed, "wsgate.unknown", "D") + " for a D of your choice"
	}
	want := reflect.TypeOf(ct.signatures()[h.Name])
	if h.Type == want {
		return ""
	}
	return inspect.TypeName(want)
}

// unknown stands for D where no hook mentions it.
type unknown struct{}

func isUpgrade(t reflect.Type) bool {
	return t.NumIn() == 1 && t.In(0) == reflect.TypeFor[*http.Request]() && t.NumOut() == 2 && t.Out(1) == typeOfError && !t.IsVariadic()
}

// callUpgrade returns a function that calls an OnUpgrade whose D is unknown, so that its type cannot be asserted. It is
// the only hook called by reflection, once per connection of a gateway that has no other hook.
func callUpgrade(gateway any) (upgrade func(*http.Request) (any, error)) {
	m := reflect.ValueOf(gateway).MethodByName("OnUpgrade")
	if !m.IsValid() {
		return nil
	}
	return func(r *http.Request) (any, error) {
		out := m.Call([]reflect.Value{reflect.ValueOf(r)})
		err, _ := out[1].Interface().(error)
		return out[0].Interface(), err
	}
}
