// Command chat is a chat with rooms, private messages and history, for the browser: a page at /, the gateway at
// /ws/chat, and the messages in an SQLite file. See protocol.go for what goes over the wire.
//
//	go run ./examples/chat
//
// and open http://localhost:3100/?username=Ada and http://localhost:3100/?username=Bob in two windows. One browser is one
// person, in the window that was opened last: a person is in one room at a time. Another name in the address is another
// person. With -nats or -redis it is one of several nodes, see docs/scaling.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/nats"
	"github.com/wsgate/wsgate/broker/redis"
	"github.com/wsgate/wsgate/contract"
)

// options are what the command line says.
type options struct{ addr, hosts, db, nats, redis string }

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "localhost:3100", "`address` to listen on")
	flag.StringVar(&o.hosts, "hosts", "localhost", "`names` by which browsers reach the server, with commas between them")
	flag.StringVar(&o.db, "db", "", "`file` that keeps the messages (default chat.db in the user's cache folder)")
	flag.StringVar(&o.nats, "nats", "", "`URL` of the NATS server, with JetStream, that connects several nodes")
	flag.StringVar(&o.redis, "redis", "", "`URL` of the Redis server that connects several nodes")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.db == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("where to keep the messages: %w; name a file with -db", err)
		}
		o.db = filepath.Join(dir, "wsgate-chat", "chat.db")
	}
	broker, closeBroker, err := newBroker(o)
	if err != nil {
		return err
	}
	defer closeBroker()
	app, err := newApp(o.db, wsgate.Options{Broker: broker, Hosts: strings.Split(o.hosts, ",")})
	if err != nil {
		return err
	}
	log.Printf("open http://%[1]s/?username=Ada and http://%[1]s/?username=Bob in two windows; messages are kept in %[2]s", o.addr, o.db)
	return app.Run(ctx, o.addr)
}

// newBroker returns what connects this node with the others, nil if it is the only one, and what closes it.
func newBroker(o options) (wsgate.Broker, func() error, error) {
	switch {
	case o.nats != "" && o.redis != "":
		return nil, nil, errors.New("there are both -nats and -redis: want one of them")
	case o.nats != "":
		b, err := nats.New(o.nats, nil)
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	case o.redis != "":
		b, err := redis.New(o.redis, nil)
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	}
	return nil, func() error { return nil }, nil
}

// newModule returns the chat with its messages in that file.
func newModule(db string) *wsgate.Module {
	return &wsgate.Module{
		Name: "chat",
		Provide: []any{
			func(lc *wsgate.Lifecycle) (*Store, error) { return OpenStore(db, lc) },
		},
		Gateways: []wsgate.Route{{
			Path: "/ws/chat", New: NewChat,
			Subprotocols: []string{subprotocol},
			Sends:        sends,
			Limits:       &wsgate.Limits{PresenceGrace: time.Millisecond}, // who has left is not in the room, however soon they come back
		}},
	}
}

// about is what the contract says of the chat as a whole. It is at /asyncapi.json, and a test keeps it in the folder api.
var about = contract.Info{Title: "wsgate chat", Version: "1.0.0", Description: "Rooms, private messages and history."}

// newApp returns the chat and its page, ready to serve. A person is in one room at a time, so has one connection: the
// newest.
func newApp(db string, opts wsgate.Options) (*wsgate.App, error) {
	opts.CloseOldest = true
	opts.Limits.UserConnections = 1
	app, err := wsgate.New(newModule(db), &opts)
	if err != nil {
		return nil, err
	}
	page, err := newPage()
	if err != nil {
		return nil, err
	}
	return app, errors.Join(
		app.Handle("/", page),
		app.Handle("GET /asyncapi.json", about.Handler(app)),
		app.Handle("GET /readyz", http.HandlerFunc(app.ServeReady)),
	)
}
