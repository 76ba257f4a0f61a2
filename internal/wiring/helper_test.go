package wiring_test

import (
	"context"
	"errors"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

var errOfService = errors.New("the disk is full")

// named makes a gateway of a struct in which it is embedded.
type named struct{}

func (named) OnMessage(context.Context, *kit.Conn, wsgate.Message) error { return nil }

// fine is a gateway without a mistake.
type fine struct{ named }

func newFine() *fine { return &fine{} }

// gatewayAt is a module with one gateway.
func gatewayAt(path string, constructor any) *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{{Path: path, New: constructor}}}
}

func newNothing() {}

func newOnlyError() error { return nil }
