package wsgate_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/wsgate/wsgate"
)

// A POST handler beside a gateway answers with the errors that the gateway's clients get.
func ExampleHTTPError() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/auction", New: NewAuction}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	place := func(amount string) error {
		if amount == "" {
			return wsgate.Errorf(wsgate.Invalid, "how much?")
		}
		return nil
	}
	err = app.Handle("POST /bids", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := place(r.FormValue("amount")); err != nil {
			wsgate.HTTPError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	if err != nil {
		log.Fatal(err)
	}

	request := httptest.NewRequest("POST", "/bids", nil)
	request.Header.Set("Accept", "application/json")
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	fmt.Print(answer.Code, " ", answer.Body)
	// Output:
	// 400 {"code":"invalid","message":"how much?"}
}
