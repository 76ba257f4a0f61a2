package main

import (
	"time"

	"github.com/coder/websocket"
)

// goodbye is how long a server has to answer a close frame. The client library would wait 5 s, which is long for a user
// who has the answer and waits for the prompt.
const goodbye = time.Second

// hangUp ends a connection with a closing handshake. The caller may still be reading from it.
func hangUp(ws *websocket.Conn) {
	closed := make(chan struct{})
	go func() { // ends with the handshake, or by the client library's timeout
		defer close(closed)
		_ = ws.Close(websocket.StatusNormalClosure, "")
	}()
	timer := time.NewTimer(goodbye)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}
