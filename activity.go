package wsgate

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// activity is the hook or handler that a connection is running. All values are made at start-up, so a message allocates
// none.
type activity struct{ hook, event string }

func (a *activity) String() string {
	if a.event != "" {
		return fmt.Sprintf("the handler of event %q", a.event)
	}
	return "the " + a.hook + " hook"
}

// reader implements transport.Owner on a conn.
type reader conn

// Park is called by the transport before a connection is parked. One whose session can be renewed keeps its exchange, since
// OnRefresh may be called meanwhile.
func (r *reader) Park() {
	if r.expiry != nil && r.expiry.turn != nil {
		return
	}
	if r.exchange != nil { // else it was brought back by a control frame only
		exchanges.Put(r.exchange)
		r.exchange = nil
	}
}

// Resume is called by the transport when a parked connection can be read again.
func (r *reader) Resume() { (*conn)(r).resume() }

// HandlerIsSlow is called by the transport, and for OnClose by a timer.
func (r *reader) HandlerIsSlow() {
	c := (*conn)(r)
	doing := c.activity.Load()
	if doing == nil {
		return // the hook has just returned
	}
	a, since := c.route.app, time.Now().Add(-c.route.limits.Handler)
	a.members.Callback(func() {
		a.logLimited(context.Background(), slog.LevelWarn, "wsgate: a handler does not return", nil,
			"hook", doing.hook, "event", doing.event, "path", c.route.path, "conn", c.ID(), "since", since)
	})
}

// unfinished describes the open connections and running hooks.
func (a *App) unfinished() string {
	const max = 5
	var open, busy int
	var names []string
	for any := range a.hub.Conns() {
		open++
		c := any.base()
		doing := c.activity.Load()
		if doing == nil {
			continue
		}
		if busy++; busy <= max {
			names = append(names, fmt.Sprintf("%s on %s (connection %s)", doing, c.route.path, c.ID()))
		}
	}
	if busy > max {
		names = append(names, fmt.Sprintf("%d more", busy-max))
	}
	text := fmt.Sprintf("%d connections are open", open)
	if busy > 0 {
		text += ", and these have not returned: " + strings.Join(names, ", ")
	}
	return text
}
