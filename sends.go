package wsgate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/text"
)

// Outgoing is an entry in [Route].Sends: an event that the route sends. Every [Event] is one. Only this package
// implements it, so that methods can be added.
type Outgoing interface {
	outgoing() outgoing
}

// outgoing is an Outgoing with its type erased.
type outgoing struct {
	name    string
	payload reflect.Type
}

func (e Event[T]) outgoing() outgoing { return outgoing{string(e), reflect.TypeFor[T]()} }

// event names the constant's type in messages.
func (o outgoing) event() string { return "wsgate.Event[" + inspect.TypeName(o.payload) + "]" }

// outgoingOf returns what an entry lists, or false for nil: also for a nil pointer, and for a struct that embeds nil.
func outgoingOf(entry Outgoing) (o outgoing, ok bool) {
	err := safely(func() error { o = entry.outgoing(); return nil })
	return o, err == nil
}

// checkSends returns the mistakes in the list of what a route sends.
func checkSends(rt *Route) (mistakes []error) {
	where := rt.where()
	before := map[string]outgoing{}
	for i, entry := range rt.Sends {
		o, ok := outgoingOf(entry)
		if !ok {
			mistakes = append(mistakes, &mistake.Mistake{
				What: fmt.Sprintf("route %q: Sends[%d] is nil", rt.Path, i), Where: where, Fix: "remove it, or list an Event",
			})
			continue
		}
		what := fmt.Sprintf("route %q: Sends: event %q", rt.Path, o.name)
		if wrong := text.WrongEventName(o.name); wrong != "" {
			mistakes = append(mistakes, &mistake.Mistake{What: what + ": " + wrong, Where: where, Want: text.WantEventName})
		}
		if other, twice := before[o.name]; twice {
			mistakes = append(mistakes, &mistake.Mistake{
				What: what + " is listed twice", Where: where, Have: other.event() + " and " + o.event(),
				Fix: "remove one of them, or give it another name",
			})
		}
		before[o.name] = o
		mistakes = append(mistakes, checkPayload(o.name, o.payload, where))
	}
	return mistakes
}

// sentEvent is what a route has to know to send a listed event.
type sentEvent struct {
	outgoing
	shape inspect.Shape
}

// sentEvents returns a checked list by name, nil for a nil list.
func sentEvents(list []Outgoing, names envelope.Names) map[string]sentEvent {
	if list == nil {
		return nil
	}
	sends := make(map[string]sentEvent, len(list))
	for _, entry := range list {
		o := entry.outgoing()
		sends[o.name] = sentEvent{o, names.ShapeOf(o.payload)}
	}
	return sends
}

// unlisted returns the mistake of sending an event that the route's Sends does not list. As the program may ignore the
// error, it is logged as well, once for each line that makes it and each route.
func (rt *route) unlisted(o outgoing) error {
	m := &mistake.Mistake{
		What:  fmt.Sprintf("event %q is not in the Sends of route %q", o.name, rt.path),
		Where: mistake.Callers(packagePath, 4),
		Have:  cmp.Or(strings.Join(slices.Sorted(maps.Keys(rt.sends)), ", "), "an empty list"),
		Fix:   "add it to Sends; or, if the other routes of a Hub shall get it, send it to each of them by Hub.At",
	}
	if listed, ok := rt.sends[o.name]; ok {
		m.What = fmt.Sprintf("event %q is in the Sends of route %q with another payload", o.name, rt.path)
		m.Have, m.Want = o.event(), listed.event()
		m.Fix = "use one constant to send the event and in Sends"
	}
	if rt.app.isNewMistake([2]string{m.Where, rt.path}) {
		rt.app.logLimited(context.Background(), slog.LevelError, "wsgate: an event that its route does not send", m)
	}
	return m
}

// checkTrackedSends returns a mistake if Sends lists the name of presence's event for another event.
func (rt *route) checkTrackedSends(b *binding, what string) error {
	listed, ok := rt.sends[b.name]
	if tracked := (outgoing{b.name, b.payload}); ok && listed.outgoing != tracked {
		return &mistake.Mistake{
			What: what + " is in the route's Sends with another payload", Where: b.pos,
			Have: listed.event(), Want: tracked.event(),
			Fix: "remove it from Sends, which needs no tracked event, or give one of them another name",
		}
	}
	return nil
}
