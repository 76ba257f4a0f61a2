package contender

import (
	"time"

	"github.com/gorilla/websocket"
)

const (
	gorillaQueue        = 256 // messages that may wait for one client
	gorillaWriteTimeout = 10 * time.Second
	gorillaPingPeriod   = 54 * time.Second
)

// gorillaHub is one room: a goroutine that owns the set of clients and hands
// each message to the channels of all of them.
type gorillaHub[M any] struct {
	joining   chan *gorillaClient[M]
	leaving   chan *gorillaClient[M]
	broadcast chan []byte
	write     func(*websocket.Conn, M, <-chan M) error
	prepare   func([]byte) (M, error)
}

type gorillaClient[M any] struct {
	conn *websocket.Conn
	send chan M
}

func startGorillaHub[M any](write func(*websocket.Conn, M, <-chan M) error, prepare func([]byte) (M, error)) *gorillaHub[M] {
	h := &gorillaHub[M]{
		joining:   make(chan *gorillaClient[M]),
		leaving:   make(chan *gorillaClient[M]),
		broadcast: make(chan []byte),
		write:     write,
		prepare:   prepare,
	}
	go h.run()
	return h
}

func (h *gorillaHub[M]) run() {
	clients := map[*gorillaClient[M]]bool{}
	drop := func(c *gorillaClient[M]) {
		if clients[c] {
			delete(clients, c)
			close(c.send)
		}
	}
	for {
		select {
		case c := <-h.joining:
			clients[c] = true
		case c := <-h.leaving:
			drop(c)
		case message := <-h.broadcast:
			m, err := h.prepare(message)
			if err != nil {
				continue
			}
			for c := range clients {
				select {
				case c.send <- m:
				default:
					drop(c) // too slow
				}
			}
		}
	}
}

// join serves the client on goroutines of its own.
func (h *gorillaHub[M]) join(conn *websocket.Conn) {
	c := &gorillaClient[M]{conn, make(chan M, gorillaQueue)}
	h.joining <- c
	go h.writeLoop(c)
	go h.readLoop(c)
}

func (h *gorillaHub[M]) readLoop(c *gorillaClient[M]) {
	defer func() {
		h.leaving <- c
		c.conn.Close()
	}()
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		h.broadcast <- message
	}
}

func (h *gorillaHub[M]) writeLoop(c *gorillaClient[M]) {
	ticker := time.NewTicker(gorillaPingPeriod)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case m, ok := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(gorillaWriteTimeout))
			if !ok {
				c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if h.write(c.conn, m, c.send) != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(gorillaWriteTimeout))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

func prepare(message []byte) (*websocket.PreparedMessage, error) {
	return websocket.NewPreparedMessage(websocket.TextMessage, message)
}

// writePrepared writes the message and leaves the waiting ones alone: a
// prepared message is a frame of its own.
func writePrepared(conn *websocket.Conn, m *websocket.PreparedMessage, _ <-chan *websocket.PreparedMessage) error {
	return conn.WritePreparedMessage(m)
}

// writeJoined writes the message and all that wait behind it in one frame.
func writeJoined(conn *websocket.Conn, m []byte, waiting <-chan []byte) error {
	w, err := conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	w.Write(m)
	for range len(waiting) {
		w.Write([]byte{'\n'})
		w.Write(<-waiting)
	}
	return w.Close()
}
