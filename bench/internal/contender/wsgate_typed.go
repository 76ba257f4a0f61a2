package contender

import (
	"context"
	"net"
	"net/http"

	"github.com/wsgate/wsgate"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// WsgateTyped is this library with typed events: every message is decoded into
// a struct and encoded again, once for each broadcast.
var WsgateTyped = &Contender{
	Name:    "wsgate-typed",
	About:   "the same with typed events, so each message is decoded, and encoded once for all its receivers",
	Module:  "github.com/wsgate/wsgate",
	Family:  Ours,
	Dialect: wire.Plain{},
	Serve: func(ln net.Listener) error {
		return serveWsgate(ln,
			wsgate.Route{Path: PathEcho, New: func() *wsgateAnswers { return new(wsgateAnswers) }},
			wsgate.Route{Path: PathJSON, New: func() *wsgateAnswers { return new(wsgateAnswers) }},
			wsgate.Route{Path: PathRoom + "{name}", New: func() *wsgateChat { return new(wsgateChat) }},
		)
	},
	Workloads: []string{"broadcast-16", "broadcast-1", "rooms", "echo-16", "echo-1", "json-16"},
}

// wsgateSay is the payload's event in both directions.
const wsgateSay wsgate.Event[wsgateLine] = "msg"

type wsgateLine struct {
	Text string `json:"text"`
}

type wsgateAnswers struct{}

func (g *wsgateAnswers) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.On(wsgateSay, g.say)}
}

func (*wsgateAnswers) say(_ context.Context, c *wsgate.Conn[struct{}], line wsgateLine) error {
	return wsgateSay.Emit(c, line)
}

type wsgateChat struct{}

func (*wsgateChat) OnUpgrade(r *http.Request) (string, error) { return r.PathValue("name"), nil }

func (*wsgateChat) OnOpen(_ context.Context, c *wsgate.Conn[string]) error { return c.Join(c.Data) }

func (g *wsgateChat) Events() wsgate.Events[string] {
	return wsgate.Events[string]{wsgate.On(wsgateSay, g.say)}
}

func (*wsgateChat) say(_ context.Context, c *wsgate.Conn[string], line wsgateLine) error {
	return wsgateSay.Emit(c.Room(c.Data), line)
}
