package wiring_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// What constructors do when they run.

type pointers struct{ named }

func newPanickingDisk() *disk {
	panic("no disk") // the service panics
}

func newPanickingGateway() *pointers {
	var none []*pointers
	return none[len(none)] // the gateway panics
}

func newFailingDisk() (*disk, error) { return nil, fmt.Errorf("mounting: %w", errOfService) }

func newFailingGateway(*disk) (*pointers, error) { return nil, fmt.Errorf("opening: %w", errOfService) }
func newNilDisk() *disk                          { return nil }
func newNilReader() (reader, error)              { return nil, nil }
func newNilGateway() (*pointers, error)          { return nil, nil }
func newDiskBesideError() (*disk, error)         { return &disk{}, errOfService }

type nilOut struct {
	dig.Out
	Disk  *disk
	Cache *cache `name:"fast"`
}

func newNilOut() nilOut { return nilOut{Disk: &disk{}} }

func TestConstructorsThatFail(t *testing.T) {
	for _, test := range []struct {
		name string
		m    *wsgate.Module
		want []string
	}{
		{"service panics", &wsgate.Module{Provide: []any{newPanickingDisk}}, []string{"wiring_test.newPanickingDisk panicked: no disk", kit.At("func newPanickingDisk("), kit.At("the service panics"), "fix:"}},
		{"gateway panics", gatewayAt("/", newPanickingGateway), []string{"wiring_test.newPanickingGateway panicked: runtime error: index out of range", kit.At("func newPanickingGateway("), kit.At("the gateway panics")}},
		{"service fails", &wsgate.Module{Private: []any{newFailingDisk}}, []string{"wiring_test.newFailingDisk", "mounting: the disk is full", kit.At("func newFailingDisk(")}},
		{"gateway fails", &wsgate.Module{Provide: []any{newDisk}, Gateways: []wsgate.Route{{Path: "/", New: newFailingGateway}}}, []string{"wiring_test.newFailingGateway", "opening: the disk is full", kit.At("func newFailingGateway(")}},
		{"fails beside a result", &wsgate.Module{Provide: []any{newDiskBesideError}}, []string{"wiring_test.newDiskBesideError", "the disk is full", kit.At("func newDiskBesideError(")}},
		{"service is nil", &wsgate.Module{Provide: []any{newNilDisk}}, []string{"wiring_test.newNilDisk", "nil *wiring_test.disk", kit.At("func newNilDisk(")}},
		{"interface is nil", &wsgate.Module{Provide: []any{newNilReader}}, []string{"wiring_test.newNilReader", "nil wiring_test.reader", kit.At("func newNilReader(")}},
		{"gateway is nil", gatewayAt("/", newNilGateway), []string{"wiring_test.newNilGateway", "nil *wiring_test.pointers", kit.At("func newNilGateway(")}},
		{"nil in dig.Out", &wsgate.Module{Provide: []any{newNilOut}}, []string{"wiring_test.newNilOut", "nil *wiring_test.cache", kit.At("func newNilOut(")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, test.m, nil)
			kit.CheckText(t, text, test.want...)
			if n := kit.CountMistakes(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
		})
	}
}

func TestFailingConstructorIsReportedOnce(t *testing.T) {
	ran := 0
	m := &wsgate.Module{
		Provide: []any{
			func() (*disk, error) { ran++; return nil, errOfService },
			newStore,
			func(*store, *disk) *cache { t.Error("a constructor ran without its services"); return nil },
		},
		Gateways: []wsgate.Route{{Path: "/a", New: newWithStore}, {Path: "/b", New: newWithCache}},
	}
	text := kit.Refused(t, m, nil)
	if n := kit.CountMistakes(text); n != 1 || ran != 1 {
		t.Errorf("%d mistakes, %d calls, want 1 and 1:\n%s", n, ran, text)
	}
}

func TestStartUpErrorIsTheConstructorsOwn(t *testing.T) {
	for _, m := range []*wsgate.Module{
		{Provide: []any{newFailingDisk, newStore}},
		{Private: []any{newFailingDisk, newStore}, Gateways: []wsgate.Route{{Path: "/", New: newWithStore}}},
		{Provide: []any{newDisk}, Gateways: []wsgate.Route{{Path: "/", New: newFailingGateway}}},
	} {
		if _, err := wsgate.New(m, nil); !errors.Is(err, errOfService) {
			t.Errorf("errors.Is does not find the constructor's error in\n%v", err)
		}
	}
	var p *wsgate.PanicError
	if _, err := wsgate.New(gatewayAt("/", newPanickingGateway), nil); !errors.As(err, &p) {
		t.Error("errors.As does not find the panic")
	} else if !strings.Contains(string(p.Stack), "newPanickingGateway") {
		t.Errorf("the stack is not the panic's:\n%s", p.Stack)
	}
}

func TestFailuresOfSeveralConstructorsAtOnce(t *testing.T) {
	stopped := false
	nameless := wsgate.Events[kit.Data]{wsgate.On("$", func(context.Context, *kit.Conn, string) error { return nil })}
	root := &wsgate.Module{
		Provide: []any{
			newPanickingDisk, newNilReader,
			func(lc *wsgate.Lifecycle) *cache {
				lc.OnStop(func(context.Context) error { stopped = true; return nil })
				return &cache{}
			},
		},
		Gateways: []wsgate.Route{
			{Path: "/a", New: newNilGateway},
			{Path: "/b", New: newPanickingGateway},
			{Path: "/c", New: newWithStore},
			{Path: "/d", New: func() *kit.EventGateway { return &kit.EventGateway{Table: nameless} }},
		},
	}
	root.Provide = append(root.Provide, newStore)
	text := kit.Refused(t, root, nil)
	kit.CheckText(t, text, "newPanickingDisk", "newNilReader", "newNilGateway", "newPanickingGateway", `"$"`)
	if n := kit.CountMistakes(text); n != 5 {
		t.Errorf("%d mistakes, want 5:\n%s", n, text)
	}
	if !stopped {
		t.Error("what a constructor made was not stopped")
	}
}
