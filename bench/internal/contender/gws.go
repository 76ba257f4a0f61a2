package contender

import (
	"net"
	"net/http"

	"github.com/lxzan/gws"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// GWS uses the library's Broadcaster, which frames a message once and writes
// it from a queue of each connection.
var GWS = &Contender{
	Name:    "gws",
	About:   "event handlers; rooms with its Broadcaster",
	Module:  "github.com/lxzan/gws",
	Family:  GoPeer,
	Dialect: wire.Plain{},
	Serve:   serveGWS,
}

func serveGWS(ln net.Listener) error {
	hubs := newRooms(newGWSRoom)
	mux := http.NewServeMux()
	mux.HandleFunc(PathEcho, gwsAccept(gws.NewUpgrader(gwsEcho{}, nil)))
	mux.HandleFunc(PathJSON, gwsAccept(gws.NewUpgrader(gwsJSON{}, nil)))
	mux.HandleFunc(PathRoom+"{name}", func(w http.ResponseWriter, r *http.Request) {
		gwsAccept(hubs.get(r.PathValue("name")).upgrader)(w, r)
	})
	return http.Serve(ln, mux)
}

func gwsAccept(upgrader *gws.Upgrader) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r)
		if err != nil {
			return
		}
		go socket.ReadLoop() // the handler returns, so the request can be collected
	}
}

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	_ = socket.WriteMessage(message.Opcode, message.Bytes())
}

type gwsJSON struct{ gws.BuiltinEventHandler }

func (gwsJSON) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	answer, err := reply(message.Bytes())
	if err != nil {
		socket.WriteClose(1007, nil)
		return
	}
	_ = socket.WriteMessage(message.Opcode, answer)
}

type gwsRoom struct {
	gws.BuiltinEventHandler
	upgrader *gws.Upgrader
	sockets  members[*gws.Conn]
}

func newGWSRoom() *gwsRoom {
	g := new(gwsRoom)
	g.upgrader = gws.NewUpgrader(g, nil)
	return g
}

func (g *gwsRoom) OnOpen(socket *gws.Conn)           { g.sockets.add(socket) }
func (g *gwsRoom) OnClose(socket *gws.Conn, _ error) { g.sockets.remove(socket) }

func (g *gwsRoom) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer message.Close()
	b := gws.NewBroadcaster(message.Opcode, message.Bytes())
	defer b.Close()
	for _, socket := range g.sockets.all() {
		_ = b.Broadcast(socket)
	}
}
