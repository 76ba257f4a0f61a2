package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Reader is the data of each connection to the Library.
type Reader struct {
	ID    string
	Until time.Time // the reader's card is good
}

func (r Reader) UserID() string { return r.ID }

// ExpiresAt ends the connection with the session.
func (r Reader) ExpiresAt() time.Time { return r.Until }

// Library lets in whoever has a card.
type Library struct{}

func NewLibrary() *Library { return &Library{} }

func (*Library) OnUpgrade(r *http.Request) (Reader, error) { return check(r.FormValue("card")) }

// OnRefresh renews a session. Without a token nothing is known here, and the client is asked for one.
func (*Library) OnRefresh(ctx context.Context, c *wsgate.Conn[Reader], token string) (Reader, error) {
	return check(token)
}

// check stands for the verification of a token.
func check(card string) (Reader, error) {
	if card != "ann's card" {
		return Reader{}, wsgate.Errorf(wsgate.Unauthenticated, "show your card")
	}
	return Reader{"ann", time.Now().Add(time.Hour)}, nil
}

// A client that was asked, or that has a new token, sends it.
func ExampleRefresher() {
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/library", New: NewLibrary}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	c, _, err := websocket.Dial(ctx, server.URL+"/library?card=ann's+card", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	for _, token := range []string{"a stranger's card", "ann's card"} {
		text := fmt.Sprintf(`{"type":"$refresh","id":1,"token":%q}`, token)
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			log.Fatal(err)
		}
		_, answer, err := c.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(answer))
	}
	fmt.Println(app.Hub().User("ann").Online(ctx)) // on any node
	fmt.Println(app.Hub().User("bob").Online(ctx))
	// Output:
	// {"type":"error","id":1,"code":"unauthenticated","message":"show your card"}
	// {"type":"$refresh","id":1,"in":3599}
	// true <nil>
	// false <nil>
}
