package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/wsgate/wsgate"
)

// keeper is a gateway for data of any type, which it shows when a connection opens.
type keeper[D any] struct {
	upgrade func(*http.Request) (D, error)
}

func (g *keeper[D]) OnUpgrade(r *http.Request) (D, error) { return g.upgrade(r) }

func (g *keeper[D]) OnOpen(_ context.Context, c *wsgate.Conn[D]) error {
	return c.Send(wsgate.Text(fmt.Sprintf("%T %v", c.Data, any(c.Data))))
}

// keeps checks what a connection's data is when OnUpgrade returned it.
func keeps[D any](t *testing.T, data D, want string) {
	t.Helper()
	g := &keeper[D]{func(*http.Request) (D, error) { return data, nil }}
	dial(t, newApp(t, nil, routeTo("/", g)), "/").hears(want)
}

func TestDataOfAnyType(t *testing.T) {
	var noPointer *guest
	var noReader reader
	keeps(t, "x", "string x")
	keeps(t, guest{"ann", "go"}, "wsgate_test.guest {ann go}")
	keeps(t, &[]int{1}, "*[]int &[1]")
	keeps(t, noPointer, "*wsgate_test.guest <nil>")
	keeps(t, struct{}{}, "struct {} {}")
	keeps[any](t, 7, "int 7")
	keeps[any](t, nil, "<nil> <nil>")
	keeps[any](t, noPointer, "*wsgate_test.guest <nil>")
	keeps[reader](t, sayer("x"), "wsgate_test.sayer x")
	keeps(t, noReader, "<nil> <nil>")
	keeps(t, map[string]int(nil), "map[string]int map[]")
	keeps(t, [2]bool{true}, "[2]bool [true false]")
	keeps[error](t, errOfService, "*errors.errorString the disk is full")
}

// onlyUpgrade has no hook that names D.
type onlyUpgrade[D any] struct{ data D }

func (g *onlyUpgrade[D]) OnUpgrade(r *http.Request) (D, error) {
	if r.FormValue("no") != "" {
		return g.data, wsgate.Errorf(wsgate.Denied, "not you")
	}
	if r.FormValue("panic") != "" {
		panic("no upgrade today")
	}
	return g.data, nil
}

func TestGatewayWithOnlyAnUpgrade(t *testing.T) {
	seen := make(chan any, 1)
	middleware := func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			if in.Hook == wsgate.HookOpen {
				if c, ok := c.(*wsgate.Conn[any]); ok {
					seen <- c.Data
				} else {
					seen <- errors.New("the connection is no *Conn[any]")
				}
			}
			return next(ctx, c, in)
		}
	}
	opts := &wsgate.Options{Use: []any{middleware}}
	for _, test := range []struct {
		route wsgate.Route
		want  any
	}{
		{routeTo("/", &onlyUpgrade[string]{"x"}), "x"},
		{routeTo("/", &onlyUpgrade[guest]{guest{"ann", "go"}}), guest{"ann", "go"}},
		{routeTo("/", &onlyUpgrade[any]{7}), 7},
		{routeTo("/", &onlyUpgrade[any]{nil}), nil},
		{routeTo("/", &onlyUpgrade[error]{nil}), nil},
	} {
		app := newApp(t, opts, test.route)
		dial(t, app, "/")
		if got := <-seen; got != test.want {
			t.Errorf("got data %v, want %v", got, test.want)
		}
		if resp := dialRefused(t, app, "/?no=1", nil); resp.StatusCode != http.StatusForbidden {
			t.Errorf("got status %d, want 403", resp.StatusCode)
		}
		if resp := dialRefused(t, app, "/?panic=1", nil); resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("got status %d, want 500", resp.StatusCode)
		}
	}
}

// One type may be the gateway of routes, and a service of others.
func TestGatewayIsNoService(t *testing.T) {
	text := refused(t, &wsgate.Module{
		Provide:  []any{func(*fine) *disk { return &disk{} }},
		Gateways: []wsgate.Route{{Path: "/", New: newFine}},
	}, nil)
	checkText(t, text, "*wsgate_test.fine, which nothing provides")

	shared := &wsgate.Module{
		Provide: []any{newFine, func(*fine) *disk { return &disk{} }},
		Gateways: []wsgate.Route{
			{Path: "/a", New: func(g *fine) *fine { return g }},
			{Path: "/b", New: newFine},
		},
	}
	newAppOf(t, nil, shared)
}
