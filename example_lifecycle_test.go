package wsgate_test

import (
	"context"
	"fmt"
	"log"

	"github.com/wsgate/wsgate"
)

// Feed is a service that has to be started and stopped.
type Feed struct{}

func NewFeed(lc *wsgate.Lifecycle) *Feed {
	f := &Feed{}
	lc.OnStart(f.connect)
	lc.OnStop(f.disconnect)
	return f
}

func (*Feed) connect(context.Context) error {
	fmt.Println("feed connected")
	return nil
}

func (*Feed) disconnect(context.Context) error {
	fmt.Println("feed disconnected")
	return nil
}

// A service that starts with the App and stops with it. App.Run and App.Serve call Start and Shutdown themselves.
func ExampleLifecycle() {
	app, err := wsgate.New(&wsgate.Module{Provide: []any{NewFeed}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := app.Start(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("serving")
	if err := app.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// feed connected
	// serving
	// feed disconnected
}
