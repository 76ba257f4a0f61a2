package contender

import (
	"context"
	"log/slog"
	"math"
	"net"
	"net/http"

	"github.com/wsgate/wsgate"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Wsgate is this library with gateways that handle whole messages.
var Wsgate = &Contender{
	Name:    "wsgate",
	About:   "gateways with OnMessage; rooms of its own",
	Module:  "github.com/wsgate/wsgate",
	Family:  Ours,
	Dialect: wire.Plain{},
	Serve: func(ln net.Listener) error {
		return serveWsgate(ln, wsgateModule().Gateways...)
	},
}

func wsgateModule() *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{
		{Path: PathEcho, New: func() *wsgateEcho { return new(wsgateEcho) }},
		{Path: PathJSON, New: func() *wsgateJSON { return new(wsgateJSON) }},
		{Path: PathRoom + "{name}", New: func() *wsgateRoom { return new(wsgateRoom) }},
	}}
}

// wsgateLimits are the defaults but for the rate, which the others do not limit.
var wsgateLimits = wsgate.Limits{Rate: math.MaxInt}

// serveWsgate serves the routes with every limit at its default but that of the rate, which the others do not have.
func serveWsgate(ln net.Listener, routes ...wsgate.Route) error {
	app, err := wsgate.New(&wsgate.Module{Gateways: routes}, &wsgate.Options{
		Logger: slog.New(slog.DiscardHandler),
		Limits: wsgateLimits,
	})
	if err != nil {
		return err
	}
	return app.Serve(context.Background(), ln)
}

type wsgateEcho struct{}

func (*wsgateEcho) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	return c.Send(m)
}

type wsgateJSON struct{}

func (*wsgateJSON) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	answer, err := reply(m.Data)
	if err != nil {
		return err
	}
	return c.Send(wsgate.Message{Type: m.Type, Data: answer})
}

// wsgateRoom's connections have the name of their room as data.
type wsgateRoom struct{}

func (*wsgateRoom) OnUpgrade(r *http.Request) (string, error) { return r.PathValue("name"), nil }

func (*wsgateRoom) OnOpen(_ context.Context, c *wsgate.Conn[string]) error { return c.Join(c.Data) }

func (*wsgateRoom) OnMessage(_ context.Context, c *wsgate.Conn[string], m wsgate.Message) error {
	return c.Room(c.Data).Send(m)
}
