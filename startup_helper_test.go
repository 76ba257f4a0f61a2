package wsgate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/wsgate/wsgate"
)

// guest is the D of gateways whose connections have data.
type guest struct{ Name, Room string }

type guestConn = wsgate.Conn[guest]

// fine is a gateway without a mistake.
type fine struct{}

func newFine() *fine { return &fine{} }

func (*fine) OnMessage(context.Context, *guestConn, wsgate.Message) error { return nil }

// gatewayAt is a module with one gateway.
func gatewayAt(path string, constructor any) *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{{Path: path, New: constructor}}}
}

// table is a gateway that is nothing but a table of events.
type table struct{ bound wsgate.Events[guest] }

func (g *table) Events() wsgate.Events[guest] { return g.bound }

// speaking returns the constructor of a table.
func speaking(bound ...wsgate.Binding[guest]) func() *table {
	return func() *table { return &table{bound} }
}

var errOfService = errors.New("the disk is full")

// ignore returns a handler that does nothing.
func ignore[T any]() func(context.Context, *guestConn, T) error {
	return func(context.Context, *guestConn, T) error { return nil }
}

// know returns a handler that answers with a zero value.
func know[Q, A any]() func(context.Context, *guestConn, Q) (A, error) {
	return func(context.Context, *guestConn, Q) (answer A, err error) { return answer, nil }
}

// Services, and what needs them.
type (
	disk   struct{}
	store  struct{}
	cache  struct{}
	reader interface{ Read() string }
)

func newCache() *cache          { return &cache{} }
func newOtherCache() *cache     { return &cache{} }
func newReaderOf(reader) *store { return &store{} }
func newHub() *wsgate.Hub       { return nil }

// withServices is a gateway that needs services.
type withServices struct{ named }

func newWithMany(*store, *cache, reader) *withServices { return &withServices{} }

// mustNotRun returns a constructor that fails the test when it runs.
func mustNotRun[T any](t *testing.T) func() *T {
	return func() *T {
		t.Errorf("the constructor of %T ran", *new(T))
		return new(T)
	}
}
