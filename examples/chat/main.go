// Command chat is a chat with rooms, private messages and history, for the browser: a page at /, the gateway at
// /ws/chat, and the messages in an SQLite file. See protocol.go for what goes over the wire.
//
//	go run ./examples/chat
//
// and open http://localhost:3100/ in two windows.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/wsgate/wsgate"
)

func main() {
	addr := flag.String("addr", "localhost:3100", "`address` to listen on")
	db := flag.String("db", "", "`file` that keeps the messages (default chat.db in the user's cache folder)")
	flag.Parse()
	if err := run(*addr, *db); err != nil {
		log.Fatal(err)
	}
}

func run(addr, db string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if db == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("where to keep the messages: %w; name a file with -db", err)
		}
		db = filepath.Join(dir, "wsgate-chat", "chat.db")
	}
	app, err := newApp(db, nil)
	if err != nil {
		return err
	}
	log.Printf("open http://%s/ in two windows; messages are kept in %s", addr, db)
	return app.Run(ctx, addr)
}

// newModule returns the chat with its messages in that file.
func newModule(db string) *wsgate.Module {
	return &wsgate.Module{
		Name: "chat",
		Provide: []any{
			func(lc *wsgate.Lifecycle) (*Store, error) { return OpenStore(db, lc) },
		},
		Gateways: []wsgate.Route{{Path: "/ws/chat", New: NewChat}},
	}
}

// newApp returns the chat and its page, ready to serve.
func newApp(db string, opts *wsgate.Options) (*wsgate.App, error) {
	app, err := wsgate.New(newModule(db), opts)
	if err != nil {
		return nil, err
	}
	page, err := newPage()
	if err != nil {
		return nil, err
	}
	if err := app.Handle("/", page); err != nil {
		return nil, err
	}
	return app, nil
}
