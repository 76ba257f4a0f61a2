package contender

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Nbio serves from epoll in the library's default mode, without a goroutine
// for each connection.
var Nbio = &Contender{
	Name:    "nbio",
	About:   "its own engine in the default non-blocking mode; a broadcast writes to each member",
	Module:  "github.com/lesismal/nbio",
	Family:  GoPeer,
	Dialect: wire.Plain{},
	Serve:   func(ln net.Listener) error { return serveNbio(ln, nbhttp.IOModNonBlocking) },
}

// NbioMixed is what the library recommends for speed as long as there are not
// more than some ten thousand connections.
var NbioMixed = &Contender{
	Name:    "nbio-mixed",
	About:   "the same in mixed mode: a goroutine for each of the first 10,000 connections",
	Module:  "github.com/lesismal/nbio",
	Family:  GoPeer,
	Dialect: wire.Plain{},
	Serve:   func(ln net.Listener) error { return serveNbio(ln, nbhttp.IOModMixed) },
}

func serveNbio(ln net.Listener, mode int) error {
	logging.SetLevel(logging.LevelNone)
	hubs := newRooms(newNbioRoom)
	mux := http.NewServeMux()
	mux.HandleFunc(PathEcho, nbioAccept(newNbioUpgrader(nbioEcho)))
	mux.HandleFunc(PathJSON, nbioAccept(newNbioUpgrader(nbioJSON)))
	mux.HandleFunc(PathRoom+"{name}", func(w http.ResponseWriter, r *http.Request) {
		nbioAccept(hubs.get(r.PathValue("name")).upgrader)(w, r)
	})
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{ln.Addr().String()},
		Listen:                  func(string, string) (net.Listener, error) { return ln, nil },
		Handler:                 mux,
		ReleaseWebsocketPayload: true,
		IOMod:                   mode,
	})
	if err := engine.Start(); err != nil {
		return err
	}
	select {}
}

func newNbioUpgrader(onMessage func(*websocket.Conn, websocket.MessageType, []byte)) *websocket.Upgrader {
	u := websocket.NewUpgrader()
	u.OnMessage(onMessage)
	return u
}

func nbioAccept(u *websocket.Upgrader) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { _, _ = u.Upgrade(w, r, nil) }
}

func nbioEcho(c *websocket.Conn, kind websocket.MessageType, message []byte) {
	_ = c.WriteMessage(kind, message)
}

func nbioJSON(c *websocket.Conn, kind websocket.MessageType, message []byte) {
	answer, err := reply(message)
	if err != nil {
		_ = c.Close()
		return
	}
	_ = c.WriteMessage(kind, answer)
}

type nbioRoom struct {
	upgrader *websocket.Upgrader
	conns    members[*websocket.Conn]
}

func newNbioRoom() *nbioRoom {
	room := new(nbioRoom)
	room.upgrader = newNbioUpgrader(room.broadcast)
	room.upgrader.OnOpen(room.conns.add)
	room.upgrader.OnClose(func(c *websocket.Conn, _ error) { room.conns.remove(c) })
	return room
}

func (room *nbioRoom) broadcast(_ *websocket.Conn, kind websocket.MessageType, message []byte) {
	for _, c := range room.conns.all() {
		_ = c.WriteMessage(kind, message)
	}
}
