package wiring

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

var typeOfError = reflect.TypeFor[error]()

// service identifies a service.
type service struct {
	t    reflect.Type
	name string // dig's name tag
}

func (s service) String() string {
	if s.name != "" {
		return fmt.Sprintf("%s named %q", inspect.TypeName(s.t), s.name)
	}
	return inspect.TypeName(s.t)
}

// provider is a constructor in a group, or of a product.
type provider struct {
	fn           any
	name         string
	pos          string
	group        *Group
	private      bool
	needs        []service
	provides     []service
	resultFields []reflect.StructField // fields of a dig.In that asks for its results

	results []reflect.Value // its results, once called
	failed  error
}

func newProvider(g *Group, fn any, private bool) (*provider, error) {
	if !inspect.IsFunc(fn) {
		return nil, &mistake.Mistake{
			What: fmt.Sprintf("a service of %s", g.Label), Have: inspect.NotFunc(fn), Want: "a constructor: func(services...) (services..., error)",
			Fix: inspect.ConstructorFor(reflect.ValueOf(fn)),
		}
	}
	p := &provider{fn: fn, name: inspect.FuncName(fn), pos: inspect.FuncPos(fn), group: g, private: private}
	ft := reflect.TypeOf(fn)
	for i := range ft.NumIn() {
		if ft.IsVariadic() && i == ft.NumIn()-1 {
			break // dig treats it as optional
		}
		p.needs = append(p.needs, needsOf(ft.In(i))...)
	}
	for i := range ft.NumOut() {
		if ft.Out(i) == typeOfError && i < ft.NumOut()-1 {
			return nil, &mistake.Mistake{
				What: "constructor " + p.name + " returns an error that is not its last result", Where: p.pos, Have: inspect.TypeName(ft),
				Want: "func(services...) (services..., error)",
			}
		}
		if err := p.provide(ft.Out(i)); err != nil {
			return nil, err
		}
	}
	if len(p.resultFields) == 0 {
		return nil, &mistake.Mistake{
			What: "constructor " + p.name + " provides nothing", Where: p.pos, Have: inspect.TypeName(ft),
			Want: "func(services...) (services..., error)",
			Fix:  "return the service, or call the function with App.Invoke",
		}
	}
	return p, nil
}

// needsOf returns the services that a parameter of type t asks for.
func needsOf(t reflect.Type) (needs []service) {
	if !dig.IsIn(t) {
		return []service{{t: t}}
	}
	ignoreUnexported := false
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Type == reflect.TypeFor[dig.In]():
			ignoreUnexported = f.Tag.Get("ignore-unexported") == "true"
		case ignoreUnexported && !f.IsExported(), f.Tag.Get("optional") == "true", f.Tag.Get("group") != "":
		case dig.IsIn(f.Type):
			needs = append(needs, needsOf(f.Type)...)
		default:
			needs = append(needs, service{f.Type, f.Tag.Get("name")})
		}
	}
	return needs
}

// provide records the services that a result of type t provides.
func (p *provider) provide(t reflect.Type) error {
	if t == typeOfError || t == reflect.TypeFor[dig.Out]() {
		return nil
	}
	if !dig.IsOut(t) {
		return p.add(reflect.StructField{Type: t})
	}
	for i := range t.NumField() {
		f := t.Field(i)
		add := p.add
		if dig.IsOut(f.Type) {
			add = func(f reflect.StructField) error { return p.provide(f.Type) }
		}
		if err := add(f); err != nil {
			return err
		}
	}
	return nil
}

func (p *provider) add(f reflect.StructField) error {
	tag := f.Tag
	group, flatten := strings.CutSuffix(tag.Get("group"), ",flatten")
	s := service{f.Type, tag.Get("name")}
	switch {
	case group != "":
		if flatten && f.Type.Kind() != reflect.Slice {
			return &mistake.Mistake{
				What: fmt.Sprintf("constructor %s: field %s of its dig.Out flattens what is no slice", p.name, f.Name), Where: p.pos,
				Have: inspect.TypeName(f.Type), Want: "[]" + inspect.TypeName(f.Type),
			}
		}
		if !flatten {
			f.Type = reflect.SliceOf(f.Type)
		}
		tag = reflect.StructTag(fmt.Sprintf("group:%q", group))
	case slices.Contains(p.provides, s):
		return &mistake.Mistake{
			What: fmt.Sprintf("constructor %s provides %v twice", p.name, s), Where: p.pos,
			Fix: "give one of them a type of its own, or name them with the fields of a dig.Out",
		}
	default:
		p.provides = append(p.provides, s)
	}
	p.resultFields = append(p.resultFields, reflect.StructField{Name: fmt.Sprintf("F%d", len(p.resultFields)), Type: f.Type, Tag: tag})
	return nil
}

// wrapped returns the guarded constructor. It records a failure once, and returns it to dig as an error.
func (p *provider) wrapped() any {
	fn := reflect.ValueOf(p.fn)
	ft := fn.Type()
	var in, out []reflect.Type
	for i := range ft.NumIn() {
		in = append(in, ft.In(i))
	}
	for i := range ft.NumOut() {
		if ft.Out(i) != typeOfError {
			out = append(out, ft.Out(i))
		}
	}
	results := len(out)
	wrapped := reflect.FuncOf(in, append(out, typeOfError), ft.IsVariadic())
	return reflect.MakeFunc(wrapped, func(args []reflect.Value) []reflect.Value {
		err := p.call(fn, args)
		values := make([]reflect.Value, results+1)
		for i := range results {
			if err == nil {
				values[i] = p.results[i]
			} else {
				values[i] = reflect.Zero(out[i])
			}
		}
		values[results] = reflect.Zero(typeOfError)
		if err != nil {
			values[results] = reflect.ValueOf(&err).Elem()
		}
		return values
	}).Interface()
}

// call calls the constructor, unless it failed before.
func (p *provider) call(fn reflect.Value, args []reflect.Value) error {
	if p.failed != nil {
		return p.failed
	}
	p.failed = guard.Call(func() error {
		p.results = callWith(fn, args)
		return p.judge(p.results)
	})
	return p.failed
}

// callWith calls a function with arguments in the form that reflect.MakeFunc passes.
func callWith(fn reflect.Value, args []reflect.Value) []reflect.Value {
	if fn.Type().IsVariadic() {
		return fn.CallSlice(args)
	}
	return fn.Call(args)
}

// force returns a function for dig to invoke that asks for all results of the constructor.
func (p *provider) force() any {
	fields := append([]reflect.StructField{{Name: "In", Type: reflect.TypeFor[dig.In](), Anonymous: true}}, p.resultFields...)
	ft := reflect.FuncOf([]reflect.Type{reflect.StructOf(fields)}, nil, false)
	return reflect.MakeFunc(ft, func([]reflect.Value) []reflect.Value { return nil }).Interface()
}

// failure returns the mistake for a constructor that failed, nil if it did not.
func (p *provider) failure() error {
	if p.failed == nil {
		return nil
	}
	m := &mistake.Mistake{What: "constructor " + p.name + ": " + p.failed.Error(), Where: p.pos, Err: p.failed}
	var panicked *guard.Panic
	if errors.As(p.failed, &panicked) {
		m.What = fmt.Sprintf("constructor %s panicked: %v", p.name, panicked.Value)
		m.Have = "panic at " + panicked.Pos
		m.Fix = "mend what panics there; where it is meant, return an error instead"
	}
	return m
}

// judge returns the constructor's error, or an error for a nil result.
func (p *provider) judge(results []reflect.Value) error {
	for _, v := range results {
		if v.Type() != typeOfError {
			continue
		}
		if err, _ := v.Interface().(error); err != nil {
			return err
		}
	}
	for _, v := range results {
		if t := nilIn(v); t != nil {
			return fmt.Errorf("returned a nil %s and no error", inspect.TypeName(t))
		}
	}
	return nil
}

// nilIn returns the type of v if it is nil, or that of the nil field if v is a dig.Out; nil if there is none.
func nilIn(v reflect.Value) reflect.Type {
	switch k := v.Kind(); {
	case v.Type() == typeOfError:
	case (k == reflect.Pointer || k == reflect.Interface || k == reflect.Func) && v.IsNil():
		return v.Type()
	case dig.IsOut(v.Type()):
		for i := range v.NumField() {
			if t := nilIn(v.Field(i)); t != nil {
				return t
			}
		}
	}
	return nil
}
