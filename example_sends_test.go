package wsgate_test

import (
	"fmt"
	"log"

	"github.com/wsgate/wsgate"
)

// A route that says what it sends. An event that it does not list is an error for the sender, and its clients get nothing
// of it.
func ExampleOutgoing() {
	const cleared wsgate.Event[struct{}] = "cleared"
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/board", New: NewBoard, Sends: []wsgate.Outgoing{Notice}},
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range app.Routes()[0].Sends {
		fmt.Println(e.Name, e.Payload)
	}
	fmt.Println(Notice.Emit(app.Hub(), "lunch is ready"))
	fmt.Println(cleared.Emit(app.Hub(), struct{}{}) != nil)
	// Output:
	// notice string
	// <nil>
	// true
}
