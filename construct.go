package wsgate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/text"
	"github.com/wsgate/wsgate/internal/timerwheel"
	"github.com/wsgate/wsgate/internal/transport"
)

// construct runs the constructors and assembles the App.
func (b *builder) construct() {
	b.prepareRoutes() // a constructor may use the hub at once
	gateways, mistakes := b.plan.Build()
	for _, err := range mistakes {
		b.addErrors(withPublicPanic(err))
	}
	b.app.handler = b.app.hosts.guard(b.wrapHTTP(http.HandlerFunc(b.app.serveMux)))
	for i, gateway := range gateways {
		if gateway != nil {
			b.mount(b.routes[i], gateway, b.routeUse[i])
		}
	}
	b.app.built.Store(len(b.mistakes) == 0)
}

// withPublicPanic makes errors.As find a [*PanicError] in the mistake for a constructor that panicked.
func withPublicPanic(err error) error {
	if m, ok := err.(*mistake.Mistake); ok {
		if p, ok := m.Err.(*guard.Panic); ok {
			m.Err = publicPanic(p)
		}
	}
	return err
}

const (
	shortestTick = 5 * time.Millisecond
	longestTick  = 250 * time.Millisecond
)

// heartbeats and sessions are what the two wheels measure.
func heartbeats(l Limits) time.Duration { return min(l.Ping, l.Pong) }
func sessions(l Limits) time.Duration   { return min(l.Refresh, l.RefreshGrace) }

// tick returns the resolution of a wheel: an eighth of the shortest duration that it measures.
func (b *builder) tick(shortestOf func(Limits) time.Duration) time.Duration {
	shortest := 8 * longestTick
	for _, rt := range b.routes {
		shortest = min(shortest, shortestOf(b.limitsOf(rt)))
	}
	return max(shortestTick, shortest/8)
}

func (b *builder) limitsOf(rt checkedRoute) Limits {
	if rt.Limits != nil {
		return rt.Limits.withDefaults()
	}
	return b.app.limits
}

// prepareRoutes makes the routes without their gateways: everything that a Hub needs except presence.
func (b *builder) prepareRoutes() {
	a := b.app
	a.engine = transport.NewEngine(b.tick(heartbeats), a.limits.TotalQueueBytes)
	b.newHub()
	for _, r := range b.routes {
		rt := &route{
			app: a, path: r.Path, limits: b.limitsOf(r),
			opening: activity{hook: HookOpen}, receiving: activity{hook: HookMessage}, refreshing: activity{hook: HookRefresh}, closing: activity{hook: HookClose},
		}
		env := r.Envelope
		if env == (Envelope{}) {
			env = b.options.Envelope
		}
		rt.names = env.names()
		rt.sends = sentEvents(r.Sends, rt.names)
		rt.accept = transport.AcceptOptions{
			Subprotocols: r.Subprotocols, Limits: rt.limits.transport(), Engine: a.engine,
			Compression: b.options.Compression,
		}
		rt.data, rt.hasUsers, rt.expires = r.data, hasUser(r.data), hasEnd(r.data)
		if _, ok := refreshHook(&r.Route); ok {
			rt.token = &binding{name: envelope.Refresh, decoder: rt.names.DecoderFor(reflect.TypeFor[envelope.Token]())}
		}
		if rt.expires && a.expiries == nil {
			a.expiries = timerwheel.New(b.tick(sessions))
		}
		rt.members = a.members.Route(rt.path, hub.Limits{Rooms: rt.limits.Rooms, QueueBytes: rt.limits.QueueBytes})
		rt.accept.Counters = rt.members.Counters()
		a.hub.routes[rt.path] = rt
	}
}

// newHub makes the hub. With Options.Broker it starts and stops with the App.
func (b *builder) newHub() {
	a, o := b.app, b.options
	config := hub.Config{
		Engine: a.engine, UserConnections: o.Limits.UserConnections,
		StartWithout: o.StartWithoutBroker, Log: a.logOfHub,
		Refresh: func(m *hub.Member, all bool) { connOf(m).refreshSoon(all) },
	}
	if o.OnBroker != nil {
		config.OnBroker = func(err error) { o.OnBroker(a.hub, err) }
	}
	if o.Tracer != nil {
		config.Traced = func(header, path string, receivers int, begun time.Time, took time.Duration) {
			if err := safely(func() error { o.Tracer.Delivered(header, path, receivers, begun, took); return nil }); err != nil {
				a.logError(context.Background(), "wsgate: Options.Tracer", err)
			}
		}
	}
	if o.Broker != nil {
		config.Broker, a.hasBroker = o.Broker, true
	}
	if o.CloseOldest {
		config.Replace = StatusReplaced
	}
	for _, rt := range b.routes {
		config.QueueBytes = max(config.QueueBytes, b.limitsOf(rt).QueueBytes)
	}
	a.members = hub.New(config)
	if o.Broker != nil {
		a.lifecycle.starts = append(a.lifecycle.starts, hookFunc{run: a.members.Start, bounds: true})
	}
	a.lifecycle.stops = append(a.lifecycle.stops,
		stopFunc{hookFunc: hookFunc{run: a.logSuppressed, method: "the log's handler"}},
		stopFunc{hookFunc: hookFunc{run: a.members.EndCallbacks, method: "Options.OnBroker or the log's handler"}},
		stopFunc{hookFunc{run: a.members.Close, bounds: true}, len(a.lifecycle.starts)},
	)
}

// mount registers a built gateway at its path, wrapped in the App's and the route's middleware.
func (b *builder) mount(r checkedRoute, gateway any, use []listed[Middleware]) {
	a := b.app
	rt := a.hub.routes[r.Path]
	rt.hooks = r.conn.hooks(gateway)
	if rt.hooks.upgrade == nil {
		rt.hooks.upgrade = callUpgrade(gateway)
	}
	b.addErrors(rt.bind(r.Route))
	rt.wrapped = len(b.use)+len(use) > 0
	rt.nameResults()
	rt.handle = wrapAll(b, b.use, wrapAll(b, use, rt.innermostHandler()))
	a.registry.routes = append(a.registry.routes, r.Route)
	a.mux.Handle(rt.path, rt)
}

// panicked returns the mistake for a panic at start-up.
func panicked(what string, err error) error {
	m := &mistake.Mistake{What: what + ": " + err.Error(), Err: err}
	var p *PanicError
	if errors.As(err, &p) {
		m.What, m.Where = fmt.Sprintf("%s panicked: %v", what, p.Value), p.pos
	}
	return m
}

// bind builds the table of a gateway's events.
func (rt *route) bind(r Route) error {
	if rt.hooks.events == nil {
		return nil
	}
	gateway := reflect.TypeOf(r.New).Out(0)
	rt.events = map[string]*binding{}
	var mistakes []error
	var table []binding
	if err := safely(func() error { table = rt.hooks.events(); return nil }); err != nil {
		return panicked(inspect.TypeName(gateway)+".Events", err)
	}
	for _, bound := range table {
		what := fmt.Sprintf("%s.Events: event %q", inspect.TypeName(gateway), bound.name)
		if wrong := text.WrongEventName(bound.name); wrong != "" {
			mistakes = append(mistakes, &mistake.Mistake{
				What: what + ": " + wrong, Where: bound.pos,
				Want: text.WantEventName,
			})
		}
		if other := rt.events[bound.name]; other != nil {
			mistakes = append(mistakes, &mistake.Mistake{
				What: what + " is bound twice", Where: bound.pos, Have: "the same name at " + other.pos,
				Fix: "remove one of them, or give it another name",
			})
		}
		mistakes = append(mistakes, rt.checkAtMost(&bound, what))
		if bound.tracks {
			mistakes = append(mistakes, checkPayload(bound.name, bound.payload, bound.pos), rt.track(&bound, what), rt.checkTrackedSends(&bound, what))
			continue
		}
		if bound.handle == nil {
			mistakes = append(mistakes, &mistake.Mistake{What: what + " has no handler", Where: bound.pos, Fix: "make bindings with On, Answer or Track, and a function that is not nil"})
			continue
		}
		mistakes = append(mistakes, checkPayload(bound.name, bound.payload, bound.pos))
		bound.decoder = rt.names.DecoderFor(bound.payload)
		var wrong error
		bound.validates, wrong = checkValidate(bound.name, bound.payload, bound.pos)
		mistakes = append(mistakes, wrong)
		if bound.answer != nil {
			mistakes = append(mistakes, checkPayload(bound.name, bound.answer, bound.pos))
			bound.answerShape = rt.names.ShapeOf(bound.answer)
		}
		rt.events[bound.name] = &bound
	}
	return errors.Join(mistakes...)
}
