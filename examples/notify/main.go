// Command notify sends what an ordinary HTTP request says to every WebSocket client:
//
//	go run ./examples/notify
//	curl -d 'Lunch is ready' http://localhost:3100/notify
//
// and http://localhost:3100/ shows the notices as they come, from ws://localhost:3100/ws/notices.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wsgate/wsgate"
)

// Noticed is what every client hears.
const Noticed wsgate.Event[Notice] = "notice"

// Notice is the payload of Noticed.
type Notice struct {
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Notices is a gateway that only pushes: it has neither OnMessage nor Events.
type Notices struct{}

type conn = wsgate.Conn[struct{}]

var _ wsgate.Opener[struct{}] = (*Notices)(nil)

// NewNotices returns the gateway.
func NewNotices() *Notices { return &Notices{} }

// OnOpen shows the client that it is connected.
func (*Notices) OnOpen(_ context.Context, c *conn) error {
	return Noticed.Emit(c, Notice{Text: "Waiting for notices.", At: time.Now()})
}

// Notifier is an ordinary HTTP handler, which the container hands the hub.
type Notifier struct{ hub *wsgate.Hub }

// NewNotifier returns a handler that sends to everybody in the hub.
func NewNotifier(hub *wsgate.Hub) *Notifier { return &Notifier{hub} }

const maxBody = 1000 // bytes

// ServeHTTP sends the request's body to every client.
func (n *Notifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	text := strings.TrimSpace(string(body))
	switch {
	case err != nil:
		http.Error(w, fmt.Sprintf("a notice has at most %d bytes", maxBody), http.StatusRequestEntityTooLarge)
	case text == "":
		http.Error(w, "say something in the body", http.StatusBadRequest)
	default:
		if err := Noticed.Emit(n.hub, Notice{Text: text, At: time.Now()}); err != nil {
			log.Print(err)
			http.Error(w, "not sent", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "sent to %d clients\n", n.hub.Len())
	}
}

//go:embed page.html
var page []byte

func showPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page)
}

var module = &wsgate.Module{
	Name:     "notify",
	Provide:  []any{NewNotifier},
	Gateways: []wsgate.Route{{Path: "/ws/notices", New: NewNotices}},
}

// newApp returns the App with its HTTP handlers beside the gateway.
func newApp() (*wsgate.App, error) {
	// Whoever can reach the server can notify its clients: no page whose own name resolves to localhost may.
	app, err := wsgate.New(module, &wsgate.Options{Hosts: []string{"localhost"}})
	if err != nil {
		return nil, err
	}
	if err := app.Handle("GET /{$}", http.HandlerFunc(showPage)); err != nil {
		return nil, err
	}
	return app, app.Invoke(func(n *Notifier) error {
		// A page of another origin must not be able to notify our clients through a visitor's browser.
		return app.Handle("POST /notify", http.NewCrossOriginProtection().Handler(n))
	})
}

func main() {
	addr := flag.String("addr", "localhost:3100", "`address` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app, err := newApp()
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}
