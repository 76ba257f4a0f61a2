package contender

import (
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// GorillaPrepared is the hub of gorilla's chat example with a PreparedMessage
// for each broadcast, so that every message stays a message of its own.
var GorillaPrepared = &Contender{
	Name:    "gorilla",
	About:   "the chat example's hub; each broadcast a PreparedMessage",
	Module:  "github.com/gorilla/websocket",
	Family:  GoPeer,
	Dialect: wire.Plain{},
	Serve: func(ln net.Listener) error {
		return serveGorilla(ln, writePrepared, prepare)
	},
}

// GorillaJoined is the hub as the chat example has it.
var GorillaJoined = &Contender{
	Name: "gorilla-joined",
	About: "the chat example's hub as it is: whatever waits for a client leaves as one frame, " +
		"the messages in it parted by line feeds, so clients have to take them apart",
	Module:  "github.com/gorilla/websocket",
	Family:  GoPeer,
	Dialect: wire.Lines{},
	Serve: func(ln net.Listener) error {
		return serveGorilla(ln, writeJoined, func(message []byte) ([]byte, error) { return message, nil })
	},
	Workloads: inRooms,
}

// gorillaUpgrader has the documentation's advice for many idle connections: a
// write buffer is held while writing only.
var gorillaUpgrader = websocket.Upgrader{WriteBufferPool: new(sync.Pool)}

func serveGorilla[M any](ln net.Listener, write func(*websocket.Conn, M, <-chan M) error, prepare func([]byte) (M, error)) error {
	hubs := newRooms(func() *gorillaHub[M] { return startGorillaHub(write, prepare) })
	mux := http.NewServeMux()
	mux.HandleFunc(PathEcho, gorillaAccept(gorillaEcho))
	mux.HandleFunc(PathJSON, gorillaAccept(gorillaJSON))
	mux.HandleFunc(PathRoom+"{name}", func(w http.ResponseWriter, r *http.Request) {
		conn, err := gorillaUpgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		hubs.get(r.PathValue("name")).join(conn)
	})
	return http.Serve(ln, mux)
}

// gorillaAccept serves a connection on a goroutine of its own, so that the
// request can be collected.
func gorillaAccept(serve func(*websocket.Conn) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := gorillaUpgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for serve(conn) == nil {
			}
		}()
	}
}

func gorillaEcho(conn *websocket.Conn) error {
	kind, message, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	return conn.WriteMessage(kind, message)
}

func gorillaJSON(conn *websocket.Conn) error {
	kind, message, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	answer, err := reply(message)
	if err != nil {
		return err
	}
	return conn.WriteMessage(kind, answer)
}
