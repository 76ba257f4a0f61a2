package contender

import (
	"net"
	"net/http"

	"github.com/olahol/melody"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Melody has one Melody for each room, so that a broadcast goes over the
// room's own sessions instead of filtering everybody.
var Melody = &Contender{
	Name:    "melody",
	About:   "one Melody for each room and its Broadcast",
	Module:  "github.com/olahol/melody",
	Family:  GoPeer,
	Dialect: wire.Plain{},
	Serve:   serveMelody,
}

func serveMelody(ln net.Listener) error {
	echo := newMelody()
	echo.HandleMessage(func(s *melody.Session, message []byte) { _ = s.Write(message) })
	answer := newMelody()
	answer.HandleMessage(func(s *melody.Session, message []byte) {
		b, err := reply(message)
		if err != nil {
			_ = s.Close()
			return
		}
		_ = s.Write(b)
	})
	hubs := newRooms(func() *melody.Melody {
		m := newMelody()
		m.HandleMessage(func(_ *melody.Session, message []byte) { _ = m.Broadcast(message) })
		return m
	})
	mux := http.NewServeMux()
	mux.HandleFunc(PathEcho, func(w http.ResponseWriter, r *http.Request) { _ = echo.HandleRequest(w, r) })
	mux.HandleFunc(PathJSON, func(w http.ResponseWriter, r *http.Request) { _ = answer.HandleRequest(w, r) })
	mux.HandleFunc(PathRoom+"{name}", func(w http.ResponseWriter, r *http.Request) {
		_ = hubs.get(r.PathValue("name")).HandleRequest(w, r)
	})
	return http.Serve(ln, mux)
}

// newMelody raises the one default that is too small for the workloads, a
// message of at most 512 bytes.
func newMelody() *melody.Melody {
	m := melody.New()
	m.Config.MaxMessageSize = 64 << 10
	return m
}
