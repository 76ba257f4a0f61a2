package otel

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/wsgate/wsgate"
)

// instrument is a metric that is read from the App's numbers.
type instrument struct {
	name, unit, description string
	counts                  bool // it only grows
	read                    func(*wsgate.Stats, observe)
}

type observe func(value int64, attrs ...attribute.KeyValue)

const (
	causeKey  = attribute.Key("wsgate.close.cause")
	codeKey   = attribute.Key("wsgate.close.code")
	eventKey  = attribute.Key("wsgate.event.name")
	answerKey = attribute.Key("wsgate.event.code")
	reasonKey = attribute.Key("wsgate.broker.reason")
)

var instruments = []instrument{
	{"wsgate.server.active_connections", "{connection}", "Connections that are open.", false, size(func(r *wsgate.RouteStats) int64 { return int64(r.Connections) })},
	{"wsgate.server.parked_connections", "{connection}", "Connections of all routes that wait without a goroutine.", false, func(s *wsgate.Stats, o observe) { o(int64(s.Parked)) }},
	{"wsgate.server.rooms", "{room}", "Rooms that a connection of this node is in.", false, size(func(r *wsgate.RouteStats) int64 { return int64(r.Rooms) })},
	{"wsgate.server.users", "{user}", "Users that have a connection on this node.", false, size(func(r *wsgate.RouteStats) int64 { return int64(r.Users) })},
	{"wsgate.server.present_users", "{user}", "Users whom Track shows in a room because of a connection on this node, in each of their rooms.", false, size(func(r *wsgate.RouteStats) int64 { return int64(r.Present) })},
	{"wsgate.server.waiting", "By", "Bytes that are queued for clients.", false, size(func(r *wsgate.RouteStats) int64 { return int64(r.WaitingBytes) })},
	{"wsgate.server.upgrades", "{request}", "Upgrade requests by the status of the answer: 101 is a connection.", true, eachRoute(upgrades)},
	{"wsgate.server.closed", "{connection}", "Connections that have ended, by cause and close code.", true, eachRoute(closed)},
	{"wsgate.server.messages", "{message}", "Messages from and to clients.", true, eachRoute(messages)},
	{"wsgate.server.io", "By", "Bytes from and to clients on the wire.", true, eachRoute(bytesOf)},
	{"wsgate.server.writes", "{write}", "Writes to sockets, each of which may have several messages.", true, size(func(r *wsgate.RouteStats) int64 { return int64(r.Writes) })},
	{"wsgate.server.broadcasts", "{message}", "Messages to rooms, users and whole routes, from this node and from others.", true, size(func(r *wsgate.RouteStats) int64 { return int64(r.Broadcasts) })},
	{"wsgate.server.deliveries", "{connection}", "Connections of this node for which a broadcast was queued.", true, size(func(r *wsgate.RouteStats) int64 { return int64(r.Deliveries) })},
	{"wsgate.server.events", "{message}", "Messages that were handled, by event and code of the answer.", true, eachRoute(events)},
	{"wsgate.broker.up", "1", "Whether the message broker is available.", false, broker(up)},
	{"wsgate.broker.other_nodes", "{node}", "Other nodes that are known to be alive.", false, broker(func(s *wsgate.Stats) int64 { return int64(s.Nodes) })},
	{"wsgate.broker.topics", "{topic}", "Topics that this node is subscribed to.", false, broker(func(s *wsgate.Stats) int64 { return int64(s.Topics) })},
	{"wsgate.broker.published", "{message}", "Messages to other nodes that the broker has accepted.", true, broker(func(s *wsgate.Stats) int64 { return int64(s.Published) })},
	{"wsgate.broker.failed", "{message}", "Messages to other nodes that the broker has not accepted.", true, broker(func(s *wsgate.Stats) int64 { return int64(s.Failed) })},
	{"wsgate.broker.lost", "{message}", "Messages that the broker had accepted and has lost.", true, broker(func(s *wsgate.Stats) int64 { return int64(s.Lost) })},
	{"wsgate.broker.received", "{message}", "Messages from other nodes.", true, broker(func(s *wsgate.Stats) int64 { return int64(s.Received) })},
	{"wsgate.broker.ignored", "{message}", "Messages from other nodes that were ignored, by reason.", true, ignored},
}

func eachRoute(read func(route attribute.KeyValue, r *wsgate.RouteStats, o observe)) func(*wsgate.Stats, observe) {
	return func(s *wsgate.Stats, o observe) {
		for path, r := range s.Routes {
			read(semconv.HTTPRoute(valid(path)), &r, o)
		}
	}
}

func size(of func(*wsgate.RouteStats) int64) func(*wsgate.Stats, observe) {
	return eachRoute(func(route attribute.KeyValue, r *wsgate.RouteStats, o observe) { o(of(r), route) })
}

func upgrades(route attribute.KeyValue, r *wsgate.RouteStats, o observe) {
	for status, n := range r.Upgrades {
		o(int64(n), route, semconv.HTTPResponseStatusCode(status))
	}
}

func closed(route attribute.KeyValue, r *wsgate.RouteStats, o observe) {
	for cause, byCode := range r.Closed {
		for code, n := range byCode {
			o(int64(n), route, causeKey.String(cause), codeKey.Int(int(code)))
		}
	}
}

func messages(route attribute.KeyValue, r *wsgate.RouteStats, o observe) {
	o(int64(r.Received), route, semconv.NetworkIODirectionReceive)
	o(int64(r.Sent), route, semconv.NetworkIODirectionTransmit)
}

func bytesOf(route attribute.KeyValue, r *wsgate.RouteStats, o observe) {
	o(int64(r.ReceivedBytes), route, semconv.NetworkIODirectionReceive)
	o(int64(r.SentBytes), route, semconv.NetworkIODirectionTransmit)
}

func events(route attribute.KeyValue, r *wsgate.RouteStats, o observe) {
	for event, byCode := range r.Events {
		for code, n := range byCode {
			switch code {
			case "":
				n += byCode[succeeded] // an application may have this code
				code = succeeded
			case succeeded:
				continue
			}
			o(int64(n), route, eventKey.String(valid(event)), answerKey.String(valid(string(code))))
		}
	}
}

func broker(of func(*wsgate.Stats) int64) func(*wsgate.Stats, observe) {
	return func(s *wsgate.Stats, o observe) {
		if s.Broker {
			o(of(s))
		}
	}
}

func up(s *wsgate.Stats) int64 {
	if s.BrokerUp {
		return 1
	}
	return 0
}

func ignored(s *wsgate.Stats, o observe) {
	if s.Broker {
		for reason, n := range s.Ignored {
			o(int64(n), reasonKey.String(reason))
		}
	}
}

// valid returns a text as the value of an attribute, which has to be UTF-8. A code of an application may be anything.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// Watch has the App's numbers read whenever metrics are collected, until stop is called. It is called once, before the
// App serves: from then on the events of the App are known by name.
func (t *Telemetry) Watch(app *wsgate.App) (stop func() error, err error) {
	methods := map[string]map[string]*method{}
	for path, r := range app.Stats().Routes {
		methods[path] = map[string]*method{}
		for event := range r.Events {
			methods[path][event] = newMethod(valid(path), valid(event))
		}
	}
	t.methods.Store(&methods)
	all := make([]metric.Observable, len(instruments))
	observers := make([]metric.Int64Observable, len(instruments))
	for i, in := range instruments {
		if in.counts {
			observers[i], err = t.meter.Int64ObservableCounter(in.name, metric.WithUnit(in.unit), metric.WithDescription(in.description))
		} else {
			observers[i], err = t.meter.Int64ObservableUpDownCounter(in.name, metric.WithUnit(in.unit), metric.WithDescription(in.description))
		}
		if err != nil {
			return nil, err
		}
		all[i] = observers[i]
	}
	registered, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		stats := app.Stats()
		for i, in := range instruments {
			in.read(&stats, func(value int64, attrs ...attribute.KeyValue) {
				o.ObserveInt64(observers[i], value, metric.WithAttributes(attrs...))
			})
		}
		return nil
	}, all...)
	if err != nil {
		return nil, err
	}
	return registered.Unregister, nil
}

// closed measures how long a connection has lasted.
func (t *Telemetry) closed(ctx context.Context, path string, cause error) {
	up, _ := ctx.Value(upgradeKey{}).(*upgrade)
	if up == nil {
		return // ConnContext is not used
	}
	status := "error"
	switch {
	case cause == nil:
		status = "normal_closure"
	case errors.Is(cause, wsgate.ErrShutdown):
		status = "app_shutdown"
	case errors.Is(cause, wsgate.ErrPingTimeout):
		status = "timeout"
	}
	t.lasting.Record(ctx, time.Since(up.at).Seconds(), metric.WithAttributes(semconv.HTTPRoute(path), statusKey.String(status)))
}
