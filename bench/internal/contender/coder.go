package contender

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Coder is the library's own chat example: a channel and a writing goroutine
// for each subscriber, and whoever's channel is full is closed.
var Coder = &Contender{
	Name:    "coder",
	About:   "the chat example's pattern: a channel and a writer for each subscriber",
	Module:  "github.com/coder/websocket",
	Family:  GoPeer,
	Dialect: wire.Plain{},
	Serve:   serveCoder,
}

const (
	coderQueue        = 256 // messages that may wait for one subscriber
	coderWriteTimeout = 5 * time.Second
)

func serveCoder(ln net.Listener) error {
	hubs := newRooms(func() *coderRoom { return &coderRoom{subscribers: map[*coderSubscriber]struct{}{}} })
	mux := http.NewServeMux()
	mux.HandleFunc(PathEcho, coderAccept(coderEcho))
	mux.HandleFunc(PathJSON, coderAccept(coderJSON))
	mux.HandleFunc(PathRoom+"{name}", func(w http.ResponseWriter, r *http.Request) {
		room := hubs.get(r.PathValue("name"))
		coderAccept(room.serve)(w, r)
	})
	return http.Serve(ln, mux)
}

func coderAccept(serve func(context.Context, *websocket.Conn) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		ctx := context.Background()
		for serve(ctx, conn) == nil {
		}
	}
}

func coderEcho(ctx context.Context, conn *websocket.Conn) error {
	kind, message, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	return conn.Write(ctx, kind, message)
}

func coderJSON(ctx context.Context, conn *websocket.Conn) error {
	kind, message, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	answer, err := reply(message)
	if err != nil {
		return err
	}
	return conn.Write(ctx, kind, answer)
}

type coderRoom struct {
	mu          sync.Mutex // guards following
	subscribers map[*coderSubscriber]struct{}
}

type coderSubscriber struct {
	conn     *websocket.Conn
	messages chan []byte
}

// serve runs the connection to its end.
func (room *coderRoom) serve(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &coderSubscriber{conn, make(chan []byte, coderQueue)}
	room.mu.Lock()
	room.subscribers[s] = struct{}{}
	room.mu.Unlock()
	defer func() {
		room.mu.Lock()
		delete(room.subscribers, s)
		room.mu.Unlock()
	}()
	go s.write(ctx)
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		room.publish(message)
	}
}

func (s *coderSubscriber) write(ctx context.Context) {
	for {
		select {
		case message := <-s.messages:
			bounded, cancel := context.WithTimeout(ctx, coderWriteTimeout)
			err := s.conn.Write(bounded, websocket.MessageText, message)
			cancel()
			if err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (room *coderRoom) publish(message []byte) {
	room.mu.Lock()
	defer room.mu.Unlock()
	for s := range room.subscribers {
		select {
		case s.messages <- message:
		default:
			go s.conn.Close(websocket.StatusPolicyViolation, "connection too slow to keep up with messages")
		}
	}
}
