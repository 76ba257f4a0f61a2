package wsgate

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/frame"
)

// Target is what a message or an event can be sent to: a [*Conn], a [Room] or the [*Hub]. Only this package
// implements it, so that methods can be added.
type Target interface {
	// Send queues a message. It never blocks.
	Send(m Message) error

	deliver(encoder) error
}

// encoder makes the message for the connections of a route.
type encoder func(*route) (*frame.Message, error)

// Hub is every open connection of an App. A constructor that asks for a *Hub gets it, as does [App.Hub]. A connection
// is in it from just before its OnOpen until its OnClose has returned. The methods may be called from any goroutine.
type Hub struct {
	routes map[string]*route // by path; never changes once a constructor runs
}

// At returns everybody on the route with that path, written as it was registered. Sending to a path that no route has
// is an error.
func (h *Hub) At(path string) Room {
	rt, ok := h.routes[path]
	if !ok {
		return Room{err: fmt.Errorf("wsgate: no route has the path %q; there are %s", path, strings.Join(slices.Sorted(maps.Keys(h.routes)), ", "))}
	}
	return Room{route: rt, members: &rt.all}
}

// Conns returns the connections that are open now.
func (h *Hub) Conns() iter.Seq[AnyConn] {
	return func(yield func(AnyConn) bool) {
		for path := range h.routes {
			for c := range h.At(path).Conns() {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// Len returns the number of open connections.
func (h *Hub) Len() int {
	n := 0
	for path := range h.routes {
		n += h.At(path).Len()
	}
	return n
}

// Send queues a message for every open connection. It never blocks.
func (h *Hub) Send(m Message) error {
	shared, err := m.finished()
	if err != nil {
		return err
	}
	return h.deliver(func(*route) (*frame.Message, error) { return shared, nil })
}

func (h *Hub) deliver(encode encoder) error {
	var errs []error
	for path := range h.routes {
		errs = append(errs, h.At(path).deliver(encode))
	}
	return errors.Join(errs...)
}
