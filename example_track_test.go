package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Player is the data of a connection, and says who its user is.
type Player struct{ Name string }

func (p Player) UserID() string { return p.Name }

// Seat is what the others see of a player.
type Seat struct {
	Color string `json:"color"`
}

const Players wsgate.Event[wsgate.Presence[Seat]] = "players"

// Table is a game, whose players know of each other.
type Table struct{}

func NewTable() *Table { return &Table{} }

func (g *Table) OnUpgrade(r *http.Request) (Player, error) {
	return Player{Name: r.FormValue("name")}, nil
}

func (g *Table) OnOpen(_ context.Context, c *wsgate.Conn[Player]) error { return c.Join("game") }

func (g *Table) Events() wsgate.Events[Player] {
	return wsgate.Events[Player]{
		wsgate.Track(Players, func(*wsgate.Conn[Player], string) (Seat, bool) { return Seat{Color: "red"}, true }),
	}
}

// Who is in a room: for its members as an event, for the server as a question.
func ExampleTrack() {
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/table", New: NewTable}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)
	ann, _, err := websocket.Dial(ctx, server.URL+"/table?name=ann", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ann.CloseNow()
	_, message, err := ann.Read(ctx)
	fmt.Printf("%s %v\n", message, err)

	room := app.Hub().At("/table").Room("game")
	members, err := wsgate.Members[Seat](ctx, room)
	fmt.Println(slices.Collect(maps.Keys(members)), members["ann"].Color, err)
	fmt.Println(wsgate.Count(ctx, room))
	// Output:
	// {"type":"players","room":"game","all":true,"here":{"ann":{"color":"red"}},"count":1} <nil>
	// [ann] red <nil>
	// 1 <nil>
}
