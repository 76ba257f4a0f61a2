package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const (
	Say  wsgate.Event[string] = "say"  // a member speaks
	Said wsgate.Event[Line]   = "said" // the room hears
)

type Line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// Member is what the server knows about one connection.
type Member struct{ Name, Room string }

// Chat is one gateway for all connections; each connection has its own Member.
type Chat struct{}

func NewChat() *Chat { return &Chat{} }

func (g *Chat) OnUpgrade(r *http.Request) (Member, error) {
	return Member{Name: r.FormValue("name"), Room: r.PathValue("room")}, nil
}

func (g *Chat) OnOpen(_ context.Context, c *wsgate.Conn[Member]) error {
	return c.Join(c.Data.Room)
}

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.say)}
}

func (g *Chat) say(_ context.Context, c *wsgate.Conn[Member], text string) error {
	return Said.Emit(c.Room(c.Data.Room), Line{c.Data.Name, text})
}

// A gateway that speaks typed events, and a client.
func Example() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/ws/chat/{room}", New: NewChat}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	ann, _, err := websocket.Dial(ctx, server.URL+"/ws/chat/go?name=ann", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ann.CloseNow()
	if err := ann.Write(ctx, websocket.MessageText, []byte(`{"type":"say","data":"hello"}`)); err != nil {
		log.Fatal(err)
	}
	_, message, err := ann.Read(ctx)
	fmt.Printf("%s %v\n", message, err)
	// Output: {"type":"said","from":"ann","text":"hello"} <nil>
}
