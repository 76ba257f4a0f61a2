package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/wsgate/wsgate"
)

// A check for a load balancer or Kubernetes.
func ExampleApp_ServeReady() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/valley", New: NewValley}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Handle("GET /readyz", http.HandlerFunc(app.ServeReady)); err != nil {
		log.Fatal(err)
	}
	check := func() int {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code
	}
	fmt.Println("serving:", check(), app.Ready())
	if err := app.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("shut down:", check(), app.Ready())
	// Output:
	// serving: 200 <nil>
	// shut down: 503 wsgate: App is shutting down
}
