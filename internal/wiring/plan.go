// Package wiring runs a program's constructors, each once and after those that it needs. Before that, it reports
// mistakes in them. It is the only package that uses dig.
//
// It does not know gateways: to it they are products, whose results only the caller gets.
package wiring

import (
	"reflect"
	"slices"
	"sync"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// Group is a list of constructors, some of which only the group can use: a module.
type Group struct {
	Name             string // for dig's own errors
	Label            string // "module chat", in messages; "" for a group without services
	Here             string // where to add constructors, in advice
	Private, Provide []any
}

// Given is a service that is available to all constructors without a provider.
type Given struct {
	From    string // its source, in messages
	Provide any    // func() T
}

func (g Given) typ() reflect.Type { return reflect.TypeOf(g.Provide).Out(0) }

// Plan is the set of constructors to run. Its methods are called in this order: Add, Product and Part, Replace, Check
// and, if there was no mistake, Build. After Build, Invoke may be called from any goroutine.
type Plan struct {
	given     []Given
	never     func(t reflect.Type) (advice string) // advice for a constructor that asks for t, "" if t may be a service
	providers []*provider
	products  []product
	parts     []*provider
	groups    []*Group
	replaced  []replacement

	invoking  sync.Mutex // guards following; dig has no locks
	container *dig.Container
	scopes    map[*Group]*dig.Scope
}

// New returns a plan without constructors. never returns advice for a constructor that asks for a type that can never
// be a service, and "" for other types.
func New(given []Given, never func(t reflect.Type) (advice string)) *Plan {
	return &Plan{given: given, never: never, container: dig.New(), scopes: map[*Group]*dig.Scope{}}
}

// Add adds the constructors of a group, and returns the mistakes in each by itself.
func (p *Plan) Add(g *Group) (mistakes []error) {
	p.groups = append(p.groups, g)
	for i, list := range [][]any{g.Private, g.Provide} {
		for _, fn := range list {
			made, err := newProvider(g, fn, i == 0)
			if err != nil {
				mistakes = append(mistakes, err)
				continue
			}
			p.providers = append(p.providers, made)
		}
	}
	return mistakes
}

// Build runs the constructors. It returns the products in the order of [Plan.Product], with nil for one that failed.
func (p *Plan) Build() (made []any, mistakes []error) {
	mistakes = p.register()
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	var failed []error
	for _, one := range p.providers {
		failed = append(failed, p.scopes[one.group].Invoke(one.force()))
	}
	for _, part := range p.parts {
		failed = append(failed, p.scopes[part.group].Invoke(part.wrapped()))
	}
	for _, product := range p.products {
		failed = append(failed, p.scopes[product.by.group].Invoke(product.by.wrapped()))
	}
	mistakes = append(p.failures(failed), p.checkUnserved()...)
	for _, product := range p.products {
		if by := product.by; by.failed == nil && by.results != nil {
			made = append(made, by.results[0].Interface())
		} else {
			made = append(made, nil)
		}
	}
	return made, mistakes
}

// register registers everything with dig.
func (p *Plan) register() (mistakes []error) {
	for _, g := range p.given {
		if err := p.container.Provide(g.Provide); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	for _, g := range p.groups {
		p.scopes[g] = p.container.Scope(g.Name)
	}
	for _, part := range p.parts {
		if p.scopes[part.group] == nil { // it has no constructors of services
			p.scopes[part.group] = p.container.Scope(part.group.Name)
		}
	}
	for _, one := range p.providers {
		at := dig.LocationForPC(reflect.ValueOf(one.fn).Pointer())
		if err := p.scopes[one.group].Provide(one.wrapped(), dig.Export(!one.private), at); err != nil {
			mistakes = append(mistakes, &mistake.Mistake{What: "constructor " + one.name + ": " + mistake.Type(dig.RootCause(err).Error()), Where: one.pos, Err: err})
		}
	}
	return append(mistakes, p.replace()...)
}

// failures returns one mistake for each constructor that failed, however many others need it.
func (p *Plan) failures(failed []error) (mistakes []error) {
	note := func(by *provider) {
		if err := by.failure(); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	for _, one := range slices.Concat(p.providers, p.parts) {
		note(one)
	}
	for _, product := range p.products {
		note(product.by)
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	for _, err := range failed { // from the container itself
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	return mistakes
}

// Invoke calls a function with services. It returns the function's error, or a mistake if a service is not available.
func (p *Plan) Invoke(fn any) error {
	args, err := p.services(fn)
	if err != nil {
		return invokeError(fn, err)
	}
	results := callWith(reflect.ValueOf(fn), args)
	if len(results) == 0 {
		return nil
	}
	last := results[len(results)-1]
	if err, ok := last.Interface().(error); ok && (last.Kind() != reflect.Pointer || !last.IsNil()) {
		return err
	}
	return nil
}

// services returns the arguments of the function. The function is called later and without the lock, since it may call
// Invoke.
func (p *Plan) services(fn any) (args []reflect.Value, err error) {
	t := reflect.TypeOf(fn)
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	take := reflect.MakeFunc(reflect.FuncOf(in, nil, t.IsVariadic()), func(taken []reflect.Value) []reflect.Value {
		args = taken
		return nil
	})
	p.invoking.Lock()
	defer p.invoking.Unlock()
	err = p.container.Invoke(take.Interface())
	return args, err
}

// invokeError returns the mistake for an Invoke that failed.
func invokeError(fn any, err error) error {
	root := dig.RootCause(err)
	if root == err { //nolint:errorlint // RootCause returns err itself if dig did not make the error
		return err
	}
	return &mistake.Mistake{What: "App.Invoke of " + inspect.FuncName(fn) + ": " + mistake.Type(root.Error()), Where: inspect.FuncPos(fn), Err: root}
}
