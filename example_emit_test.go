package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const Notice wsgate.Event[string] = "notice"

// Board only pushes: it takes no messages.
type Board struct{}

func NewBoard() *Board { return &Board{} }

func (*Board) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error {
	return Notice.Emit(c, "welcome")
}

// Notify is an ordinary HTTP handler that speaks to everybody at the board.
type Notify struct{ hub *wsgate.Hub }

func NewNotify(hub *wsgate.Hub) *Notify { return &Notify{hub} }

func (n *Notify) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := Notice.Emit(n.hub.At("/board"), r.FormValue("text")); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// An event that comes from an HTTP handler. Every constructor can ask for the [wsgate.Hub].
func ExampleEvent_Emit() {
	app, err := wsgate.New(&wsgate.Module{
		Provide:  []any{NewNotify},
		Gateways: []wsgate.Route{{Path: "/board", New: NewBoard}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Invoke(func(n *Notify) error { return app.Handle("POST /notify", n) }); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/board", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	_, message, err := client.Read(ctx)
	fmt.Printf("%s %v\n", message, err)

	resp, err := http.PostForm(server.URL+"/notify", url.Values{"text": {"lunch is ready"}})
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	_, message, err = client.Read(ctx)
	fmt.Printf("%s %v\n", message, err)
	// Output:
	// {"type":"notice","data":"welcome"} <nil>
	// {"type":"notice","data":"lunch is ready"} <nil>
}
