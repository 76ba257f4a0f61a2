package wsgate

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// activity is what a connection's hook or handler is busy with. It is made at start-up: a message only points to it.
type activity struct{ hook, event string }

func (a *activity) String() string {
	if a.event != "" {
		return fmt.Sprintf("the handler of event %q", a.event)
	}
	return "the " + a.hook + " hook"
}

// slowHandler is a conn as the transport's Owner.
type slowHandler conn

// HandlerIsSlow is called by the transport, and for OnClose by a timer.
func (s *slowHandler) HandlerIsSlow() {
	c := (*conn)(s)
	doing := c.activity.Load()
	if doing == nil {
		return // it has just returned
	}
	a, since := c.route.app, time.Now().Add(-c.route.limits.Handler)
	a.members.Callback(func() {
		a.logLimited(context.Background(), slog.LevelWarn, "wsgate: a handler does not return", nil,
			"hook", doing.hook, "event", doing.event, "path", c.route.path, "conn", c.ID(), "since", since)
	})
}

// unfinished says what of the App has not ended yet.
func (a *App) unfinished() string {
	const most = 5
	var open, busy int
	var names []string
	for any := range a.hub.Conns() {
		open++
		c := any.base()
		doing := c.activity.Load()
		if doing == nil {
			continue
		}
		if busy++; busy <= most {
			names = append(names, fmt.Sprintf("%s on %s (connection %s)", doing, c.route.path, c.ID()))
		}
	}
	if busy > most {
		names = append(names, fmt.Sprintf("%d more", busy-most))
	}
	text := fmt.Sprintf("%d connections are open", open)
	if busy > 0 {
		text += ", and these have not returned: " + strings.Join(names, ", ")
	}
	return text
}
