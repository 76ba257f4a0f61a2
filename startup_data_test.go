package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
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
	kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/", g)), "/").Hears(want)
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
		{kit.RouteTo("/", &onlyUpgrade[string]{"x"}), "x"},
		{kit.RouteTo("/", &onlyUpgrade[guest]{guest{"ann", "go"}}), guest{"ann", "go"}},
		{kit.RouteTo("/", &onlyUpgrade[any]{7}), 7},
		{kit.RouteTo("/", &onlyUpgrade[any]{nil}), nil},
		{kit.RouteTo("/", &onlyUpgrade[error]{nil}), nil},
	} {
		app := kit.NewApp(t, opts, test.route)
		kit.Dial(t, app, "/")
		if got := <-seen; got != test.want {
			t.Errorf("got data %v, want %v", got, test.want)
		}
		if resp := kit.DialRefused(t, app, "/?no=1", nil); resp.StatusCode != http.StatusForbidden {
			t.Errorf("got status %d, want 403", resp.StatusCode)
		}
		if resp := kit.DialRefused(t, app, "/?panic=1", nil); resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("got status %d, want 500", resp.StatusCode)
		}
	}
}

// One type may be the gateway of routes, and a service of others.
func TestGatewayIsNoService(t *testing.T) {
	text := kit.Refused(t, &wsgate.Module{
		Provide:  []any{func(*fine) *disk { return &disk{} }},
		Gateways: []wsgate.Route{{Path: "/", New: newFine}},
	}, nil)
	kit.CheckText(t, text, "*wsgate_test.fine, which nothing provides")

	shared := &wsgate.Module{
		Provide: []any{newFine, func(*fine) *disk { return &disk{} }},
		Gateways: []wsgate.Route{
			{Path: "/a", New: func(g *fine) *fine { return g }},
			{Path: "/b", New: newFine},
		},
	}
	kit.NewAppOf(t, nil, shared)
}

type sayer string

func (s sayer) Read() string { return string(s) }

type (
	userIDNumber   struct{}
	userIDAsked    struct{}
	userIDSpelled  struct{}
	userIDBeside   struct{}
	userIDEmbedded struct{ *userIDNumber }
)

func (userIDNumber) UserID() int                 { return 7 }
func (*userIDAsked) UserID(r string) string      { return r }
func (*userIDSpelled) UserId() string            { return "ann" }
func (userIDBeside) UserID() (string, error)     { return "ann", nil }
func newUserIDNumber() *keeper[userIDNumber]     { return nil }
func newUserIDAsked() *keeper[*userIDAsked]      { return nil }
func newUserIDSpelled() *keeper[userIDSpelled]   { return nil }
func newUserIDBeside() *keeper[userIDBeside]     { return nil }
func newUserIDEmbedded() *keeper[userIDEmbedded] { return nil }

// A UserID that would never be called is a mistake, which is found when the App is built.
func TestWrongUserIDs(t *testing.T) {
	for _, test := range []struct {
		constructor    any
		at, have, want string
	}{
		{newUserIDNumber, kit.At("func newUserIDNumber"), "func (*wsgate_test.userIDNumber) UserID() int", "func (*wsgate_test.userIDNumber) UserID() string"},
		{newUserIDAsked, kit.At("func newUserIDAsked"), "func (*wsgate_test.userIDAsked) UserID(string) string", "func (*wsgate_test.userIDAsked) UserID() string"},
		{newUserIDSpelled, kit.At("func newUserIDSpelled"), "func (*wsgate_test.userIDSpelled) UserId() string", "func (*wsgate_test.userIDSpelled) UserID() string"},
		{newUserIDBeside, kit.At("func newUserIDBeside"), "func (*wsgate_test.userIDBeside) UserID() (string, error)", "func (*wsgate_test.userIDBeside) UserID() string"},
		{newUserIDEmbedded, kit.At("func newUserIDEmbedded"), "func (*wsgate_test.userIDEmbedded) UserID() int", "func (*wsgate_test.userIDEmbedded) UserID() string"},
	} {
		text := kit.Refused(t, gatewayAt("/ws", test.constructor), nil)
		kit.CheckText(t, text, `route "/ws"`, test.at, test.have, test.want)
		if kit.CountMistakes(text) != 1 {
			t.Errorf("got %d mistakes, want 1:\n%s", kit.CountMistakes(text), text)
		}
	}
}
