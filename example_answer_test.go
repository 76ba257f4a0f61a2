package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Divide is a question and its answer.
const Divide wsgate.Call[Division, Quotient] = "divide"

type Division struct {
	Dividend int `json:"dividend"`
	Divisor  int `json:"divisor"`
}

type Quotient struct {
	Quotient  int `json:"quotient"`
	Remainder int `json:"remainder"`
}

// Calculator answers questions.
type Calculator struct{}

func NewCalculator() *Calculator { return &Calculator{} }

func (g *Calculator) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.Answer(Divide, g.divide)}
}

func (g *Calculator) divide(_ context.Context, _ *wsgate.Conn[struct{}], in Division) (Quotient, error) {
	if in.Divisor == 0 {
		return Quotient{}, wsgate.Errorf(wsgate.Invalid, "%d cannot be divided by zero", in.Dividend)
	}
	return Quotient{in.Dividend / in.Divisor, in.Dividend % in.Divisor}, nil
}

// A call: the answer has the id of the question.
func ExampleAnswer() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/calculator", New: NewCalculator}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/calculator", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	for _, question := range []string{
		`{"type":"divide","id":1,"dividend":17,"divisor":5}`,
		`{"type":"divide","id":"again","dividend":17,"divisor":0}`,
		`{"type":"divide","id":3,"dividend":"many"}`,
	} {
		if err := client.Write(ctx, websocket.MessageText, []byte(question)); err != nil {
			log.Fatal(err)
		}
		_, answer, err := client.Read(ctx)
		fmt.Printf("%s %v\n", answer, err)
	}
	// Output:
	// {"type":"divide","id":1,"quotient":3,"remainder":2} <nil>
	// {"type":"error","id":"again","code":"invalid","message":"17 cannot be divided by zero"} <nil>
	// {"type":"error","id":3,"code":"invalid","message":"dividend is a string, want a number"} <nil>
}
