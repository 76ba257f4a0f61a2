package lifecycle

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// outsider is the rest of a program: it uses the hub and connections while the App shuts down, and a little longer.
type outsider struct {
	app    *wsgate.App
	random *rand.Rand
	name   string
	conns  []*conn // that were opened before
	sent   int
}

// act goes on until over is closed, less and less often: most of a shutdown is over soon.
func (o *outsider) act(over <-chan struct{}) {
	for pause := 20 * time.Microsecond; ; pause += pause / 4 {
		for range 1 + o.random.IntN(8) { // at one moment, so that fake time may pass then
			o.do()
		}
		select {
		case <-over:
			o.do()
			return
		case <-time.After(time.Duration(o.random.Int64N(int64(pause)))):
		}
	}
}

func (o *outsider) do() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	hub := o.app.Hub()
	lobby := hub.At("/ws").Room("lobby")
	switch o.random.IntN(18) {
	case 0:
		hub.User("user 1").Send(wsgate.Text(`{"type":"note"}`))
	case 1:
		wsgate.Members[string](ctx, lobby)
	case 2:
		wsgate.Count(ctx, lobby)
	case 3:
		lobby.Disconnect(ctx, websocket.StatusCode(4000+o.random.IntN(3)), "by an outsider")
	case 4:
		hub.User("user 0").Disconnect(ctx, 4004, "by an outsider")
	case 16:
		hub.User("user 1").Refresh(ctx)
	case 17:
		hub.User("user 1").Online(ctx)
	case 5, 6, 7:
		if len(o.conns) > 0 {
			o.use(ctx, o.conns[o.random.IntN(len(o.conns))])
		}
	default:
		o.sent++
		told.Emit([]wsgate.Target{hub, hub.At("/ws"), lobby}[o.random.IntN(3)], news{o.name, o.sent})
	}
}

// use does something with a connection that may have ended.
func (o *outsider) use(ctx context.Context, c *conn) {
	switch o.random.IntN(6) {
	case 0:
		c.Join("room 1", "lobby")
	case 1:
		c.Leave("lobby")
	case 2:
		c.Flush(ctx)
	case 3:
		c.Rooms()
	case 4:
		c.Close(4005, "by an outsider")
	case 5:
		c.Send(wsgate.Text(`{"type":"note"}`))
	}
}
