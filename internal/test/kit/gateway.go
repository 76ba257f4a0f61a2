package kit

import (
	"context"
	"net/http"

	"github.com/wsgate/wsgate"
)

// Data is what each connection of a test gateway has of its own.
type Data struct {
	Name  string
	Notes []string
}

type Conn = wsgate.Conn[Data]

// Hooks are a gateway's hooks as functions. Those that are nil do nothing.
type Hooks struct {
	Upgrade func(r *http.Request) (Data, error)
	Open    func(ctx context.Context, c *Conn) error
	Close   func(ctx context.Context, c *Conn, err error)
}

func (h *Hooks) OnUpgrade(r *http.Request) (Data, error) {
	if h.Upgrade == nil {
		return Data{Name: r.FormValue("name")}, nil
	}
	return h.Upgrade(r)
}

func (h *Hooks) OnOpen(ctx context.Context, c *Conn) error {
	if h.Open == nil {
		return nil
	}
	return h.Open(ctx, c)
}

func (h *Hooks) OnClose(ctx context.Context, c *Conn, err error) {
	if h.Close != nil {
		h.Close(ctx, c, err)
	}
}

// MessageGateway takes messages as they are. Without a function it sends them back.
type MessageGateway struct {
	Hooks
	Message func(ctx context.Context, c *Conn, m wsgate.Message) error
}

func (g *MessageGateway) OnMessage(ctx context.Context, c *Conn, m wsgate.Message) error {
	if g.Message == nil {
		return c.Send(m)
	}
	return g.Message(ctx, c, m)
}

// EventGateway takes typed events.
type EventGateway struct {
	Hooks
	Table wsgate.Events[Data]
}

func (g *EventGateway) Events() wsgate.Events[Data] { return g.Table }

// RouteTo returns a route to a gateway that exists already.
func RouteTo[G any](path string, g *G) wsgate.Route {
	return wsgate.Route{Path: path, New: func() *G { return g }}
}
