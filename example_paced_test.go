package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const (
	Replay wsgate.Event[int]    = "replay" // so many lines, please
	Logged wsgate.Event[string] = "logged" // one of them
)

// Archive has far more lines than a connection's queue holds.
type Archive struct{}

func NewArchive() *Archive { return &Archive{} }

func (g *Archive) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.On(Replay, g.replay)}
}

func (g *Archive) replay(ctx context.Context, c *wsgate.Conn[struct{}], lines int) error {
	history := c.Paced(ctx)
	for i := range lines {
		if err := Logged.Emit(history, fmt.Sprintf("%05d: nothing has happened", i)); err != nil {
			return err // the client has gone, or the App shuts down
		}
	}
	return nil
}

// A history of any length, at the speed at which the client reads it.
func ExampleConn_Paced() {
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/archive", New: NewArchive}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/archive", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(websocket.StatusNormalClosure, "")
	if err := client.Write(ctx, websocket.MessageText, []byte(`{"type":"replay","id":1,"data":50000}`)); err != nil {
		log.Fatal(err)
	}
	lines, last := 0, ""
	for {
		_, message, err := client.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if string(message) == `{"type":"replay","id":1}` {
			break // the answer comes after everything that was sent before
		}
		lines, last = lines+1, string(message)
	}
	fmt.Println(lines, "lines, the last is", last)
	// Output: 50000 lines, the last is {"type":"logged","data":"49999: nothing has happened"}
}
