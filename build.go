package wsgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/wiring"
)

// builder builds an App from modules. It first checks everything that needs no constructor to run, then runs the
// constructors.
type builder struct {
	app      *App
	options  *Options
	mistakes []error

	modules []*Module // imported ones first
	routes  []checkedRoute
	plan    *wiring.Plan

	use      []listed[Middleware]     // Options.Use
	http     []listed[httpMiddleware] // Options.HTTP
	routeUse [][]listed[Middleware]   // of each route
}

func newBuilder(o *Options) *builder {
	a := &App{
		log:         o.Logger,
		limits:      o.Limits.withDefaults(),
		hosts:       o.Hosts,
		use:         o.Use,
		compress:    o.Compression,
		connContext: o.ConnContext,
		hub:         &Hub{routes: map[string]*route{}},
		registry:    &Registry{served: true},
		lifecycle:   newLifecycle(),
		mux:         http.NewServeMux(),
		idle:        make(chan struct{}),
		departing:   schedule{changed: make(chan struct{}, 1)},
		departed:    make(chan struct{}),
	}
	a.hub.app, a.traces.tracer = a, o.Tracer
	if a.log == nil {
		a.log = slog.Default()
	}
	a.values = context.WithValue(context.Background(), appKey{}, a)
	a.cut, a.cutNow = context.WithCancel(context.Background())
	a.plan = wiring.New([]wiring.Given{
		{From: "App.Hub", Provide: func() *Hub { return a.hub }},
		{From: "the App", Provide: func() *Lifecycle { return a.lifecycle }},
		{From: "Options.Logger, which may be your own", Provide: func() *slog.Logger { return a.log }},
	}, neverService)
	return &builder{app: a, options: o, plan: a.plan}
}

// build returns the App, or all mistakes that it found.
func (b *builder) build(root *Module) (*App, error) {
	b.check(root)
	if len(b.mistakes) == 0 {
		b.construct()
	}
	if len(b.mistakes) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), b.app.limits.Drain)
		defer cancel()
		return nil, errors.Join(append(b.mistakes, b.app.lifecycle.stop(ctx))...)
	}
	return b.app, nil
}

func (b *builder) addErrors(errs ...error) {
	for _, err := range errs {
		if err != nil {
			b.mistakes = append(b.mistakes, err)
		}
	}
}

// check finds the mistakes that can be found without running a constructor.
func (b *builder) check(root *Module) {
	b.addErrors(b.options.Limits.check("Options")...)
	origins, mistakes := newOriginPatterns(b.options.Origins)
	b.addErrors(mistakes...)
	b.app.origins = origins
	b.addErrors(b.app.hosts.check()...)
	b.addErrors(b.options.Envelope.check("Options")...)
	everywhere := &wiring.Group{Name: "Options", Here: "a module"}
	b.use = list[Middleware](b, "Options.Use", everywhere, b.options.Use)
	b.http = list[httpMiddleware](b, "Options.HTTP", everywhere, b.options.HTTP)
	if root == nil {
		b.addErrors(&mistake.Mistake{What: "New without a module", Have: "nil", Want: "a *Module with at least one of Gateways, Provide, Imports"})
		return
	}
	b.collect(root, nil)
	for _, m := range b.modules {
		g := m.group()
		b.addErrors(b.plan.Add(g)...)
		for _, rt := range m.Gateways {
			if rt.pos == "" {
				rt.module = m
			}
			b.routes = append(b.routes, checkedRoute{Route: rt})
			b.routeUse = append(b.routeUse, list[Middleware](b, fmt.Sprintf("route %q: Use", rt.Path), g, rt.Use))
			if inspect.IsFunc(rt.New) { // otherwise checkRoutes reports it
				b.plan.Product(g, fmt.Sprintf("route %q", rt.Path), rt.New)
			}
		}
	}
	b.app.patterns, mistakes = checkRoutes(b.routes)
	b.addErrors(mistakes...)
	for _, rt := range b.routes {
		b.addErrors(b.app.hosts.checkPattern(fmt.Sprintf("route %q", rt.Path), rt.Path, rt.where()))
	}
	b.checkUserLimit()
	b.addErrors(b.plan.Check()...)
}

// collect adds m after the modules that it imports, each once.
func (b *builder) collect(m *Module, importers []*Module) {
	if i := slices.Index(importers, m); i >= 0 {
		var circle []string
		for _, m := range append(importers[i:], m) {
			circle = append(circle, m.label())
		}
		b.addErrors(&mistake.Mistake{What: "modules import each other in a circle", Have: strings.Join(circle, " imports "), Fix: "move what both need into a module of its own"})
		return
	}
	if slices.Contains(b.modules, m) {
		return
	}
	for _, imported := range m.Imports {
		if imported == nil {
			b.addErrors(&mistake.Mistake{What: m.label() + " imports nil", Fix: "remove it; or, if it is a variable that is set later, build the module in a function that is called then"})
			continue
		}
		b.collect(imported, append(slices.Clip(importers), m))
	}
	if !slices.Contains(b.modules, m) {
		b.modules = append(b.modules, m)
	}
}

// neverService returns advice for a constructor that asks for a type that is never a service.
func neverService(t reflect.Type) (advice string) {
	switch {
	case t == reflect.TypeFor[*App]():
		return "ask for a *wsgate.Hub or a *wsgate.Lifecycle, or give the App to the service by App.Invoke when New has returned"
	case isConn(t) || t == reflect.TypeFor[AnyConn]():
		return "hooks and handlers get the connection: have them pass it on, or ask for a *wsgate.Hub, which has all of them"
	}
	return ""
}
