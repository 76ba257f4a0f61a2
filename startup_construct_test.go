package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate"
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
		{"service panics", &wsgate.Module{Provide: []any{newPanickingDisk}}, []string{"wsgate_test.newPanickingDisk panicked: no disk", at("func newPanickingDisk("), at("the service panics"), "fix:"}},
		{"gateway panics", gatewayAt("/", newPanickingGateway), []string{"wsgate_test.newPanickingGateway panicked: runtime error: index out of range", at("func newPanickingGateway("), at("the gateway panics")}},
		{"service fails", &wsgate.Module{Private: []any{newFailingDisk}}, []string{"wsgate_test.newFailingDisk", "mounting: the disk is full", at("func newFailingDisk(")}},
		{"gateway fails", &wsgate.Module{Provide: []any{newDisk}, Gateways: []wsgate.Route{{Path: "/", New: newFailingGateway}}}, []string{"wsgate_test.newFailingGateway", "opening: the disk is full", at("func newFailingGateway(")}},
		{"fails beside a result", &wsgate.Module{Provide: []any{newDiskBesideError}}, []string{"wsgate_test.newDiskBesideError", "the disk is full", at("func newDiskBesideError(")}},
		{"service is nil", &wsgate.Module{Provide: []any{newNilDisk}}, []string{"wsgate_test.newNilDisk", "nil *wsgate_test.disk", at("func newNilDisk(")}},
		{"interface is nil", &wsgate.Module{Provide: []any{newNilReader}}, []string{"wsgate_test.newNilReader", "nil wsgate_test.reader", at("func newNilReader(")}},
		{"gateway is nil", gatewayAt("/", newNilGateway), []string{"wsgate_test.newNilGateway", "nil *wsgate_test.pointers", at("func newNilGateway(")}},
		{"nil in dig.Out", &wsgate.Module{Provide: []any{newNilOut}}, []string{"wsgate_test.newNilOut", "nil *wsgate_test.cache", at("func newNilOut(")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := refused(t, test.m, nil)
			checkText(t, text, test.want...)
			if n := count(text); n != 1 {
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
	text := refused(t, m, nil)
	if n := count(text); n != 1 || ran != 1 {
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
			{Path: "/d", New: speaking(wsgate.On("$", ignore[string]()))},
		},
	}
	root.Provide = append(root.Provide, newStore)
	text := refused(t, root, nil)
	checkText(t, text, "newPanickingDisk", "newNilReader", "newNilGateway", "newPanickingGateway", `"$"`)
	if n := count(text); n != 5 {
		t.Errorf("%d mistakes, want 5:\n%s", n, text)
	}
	if !stopped {
		t.Error("what a constructor made was not stopped")
	}
}
