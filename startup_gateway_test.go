package wsgate_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/dig"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// board is a gateway that tells its number, which a clock sets.
type board struct{ number int }

func newBoard() *board          { return &board{} }
func newSameBoard() *board      { return theBoard }
func takeBoard(b *board) *board { return b }
func wrapBoard(b *board) *board { return &board{b.number + 1} }

var theBoard = &board{}

func (b *board) Set(n int) { b.number = n }

func (b *board) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error {
	return c.Send(wsgate.Text(strconv.Itoa(b.number)))
}

func newBoardValue() boardValue { return boardValue{} }

// boardValue is a gateway that is no pointer; *boardValue is one as well.
type boardValue struct{}

func newBoardPointer() *boardValue { return &boardValue{} }

func (boardValue) OnOpen(context.Context, *wsgate.Conn[struct{}]) error { return nil }

type setter interface{ Set(int) }

// clock needs a board, or something that is one.
type clock struct{}

func newClock(b *board) *clock           { b.Set(42); return &clock{} }
func newSettingClock(s setter) *clock    { s.Set(42); return &clock{} }
func newCopyingClock(b board) *clock     { return &clock{} }
func newBoardOfClock(*clock) *board      { return &board{} }
func newSetter() setter                  { return &board{} }
func newBoardAndClock() (*board, *clock) { return &board{}, &clock{} }
func newBoardOut() boardOut              { return boardOut{Board: &board{}} }
func newNamedBoard() namedBoardOut       { return namedBoardOut{Board: &board{}} }

type boardOut struct {
	dig.Out
	Board *board
}

type namedBoardOut struct {
	dig.Out
	Board *board `name:"spare"`
}

// boards is a module of routes to boards.
func boards(provide []any, constructors ...any) *wsgate.Module {
	m := &wsgate.Module{Name: "hall", Provide: provide}
	for i, constructor := range constructors {
		m.Gateways = append(m.Gateways, wsgate.Route{Path: "/" + strconv.Itoa(i), New: constructor})
	}
	return m
}

// A service may need what only a route makes; one that provides it makes another, which no client reaches.
func TestGatewayThatIsNeeded(t *testing.T) {
	const takes = "New: func(g *wsgate_test.board) *wsgate_test.board { return g }"
	private := boards(nil, newBoard)
	private.Imports = []*wsgate.Module{{Name: "clocks", Private: []any{newBoard, newClock}}}
	for _, test := range []struct {
		name string
		m    *wsgate.Module
		want []string
	}{
		{
			"it is missing", boards([]any{newClock}, newBoard),
			[]string{"newClock needs *wsgate_test.board, which nothing provides", `route "/0"`, "newBoard", "a service of its own", "Provide", takes},
		},
		{"an interface of it is missing", boards([]any{newSettingClock}, newBoard), []string{"needs wsgate_test.setter", `route "/0"`, takes, "then ask for *wsgate_test.board"}},
		{"its value is missing", boards([]any{newCopyingClock}, newBoard), []string{"needs wsgate_test.board", takes, "then ask for *wsgate_test.board"}},
		{
			"another resembles it", boards([]any{func(*boardValue) *clock { return nil }}, newBoardValue, newBoardPointer),
			[]string{`needs *wsgate_test.boardValue, which nothing provides: route "/1" makes its gateway`, "newBoardPointer in Provide"},
		},
		{"another gateway needs it", boards(nil, newBoard, func(*board) *fine { return nil }), []string{"needs *wsgate_test.board", `route "/0"`, takes}},
		{"it needs itself", boards(nil, takeBoard), []string{"takeBoard needs *wsgate_test.board", "fix: add a constructor that returns *wsgate_test.board"}},

		{
			"the same constructor", boards([]any{newBoard, newClock}, newBoard),
			[]string{"newBoard provides *wsgate_test.board", `route "/0" makes another`, kit.At("func newBoard("), takes, "a service of its own"},
		},
		{"other constructors", boards([]any{newBoardAndClock}, newBoardOfClock), []string{"newBoardAndClock provides *wsgate_test.board", "newBoardOfClock", kit.At("func newBoardOfClock("), takes}},
		{"a dig.Out", boards([]any{newBoardOut}, newBoard), []string{"newBoardOut provides *wsgate_test.board", takes}},
		{"two routes", boards([]any{newBoard}, newBoard, newBoard), []string{`route "/0" makes another`, takes}},
		{"in another module", private, []string{"fix: move wsgate_test.newBoard from Private to Provide and have the route take the service", takes}},
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

// What looks like two boards and is one, or is meant to be two.
func TestGatewayThatIsShared(t *testing.T) {
	own := &board{}
	captured := func() *board { return own }
	for _, test := range []struct {
		name  string
		m     *wsgate.Module
		first string // what clients of the first route read
	}{
		{"the route takes the service", boards([]any{newBoard, newClock}, takeBoard), "42"},
		{"so do two routes", boards([]any{newBoard, newClock}, takeBoard, takeBoard), "42"},
		{"so does one of two routes", boards([]any{newBoard, newClock}, takeBoard, newBoard), "42"},
		{"the route makes more of the service", boards([]any{newBoard, newClock}, wrapBoard), "43"},
		{"the constructors return the same", boards([]any{newSameBoard, newClock}, newSameBoard), "42"},
		{"a constructor that captures it", boards([]any{captured, newClock}, captured), "42"},
		{"the service has a name", boards([]any{newNamedBoard}, newBoard), "0"},
		{"the service is an interface", boards([]any{newSetter, newSettingClock}, newBoard), "0"},
		{"two routes and no service", boards(nil, newBoard, newBoard), "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := wstest.New(t, test.m).Dial("/0").NextText(); got != test.first {
				t.Errorf("got %s, want %s", got, test.first)
			}
		})
	}
}

// A test may put another board in the place of the service.
func TestGatewayThatIsReplaced(t *testing.T) {
	fake := &board{}
	own := &board{}
	captured := func() *board { return own }
	for _, m := range []*wsgate.Module{boards([]any{newBoard, newClock}, takeBoard), boards([]any{captured, newClock}, captured)} {
		wstest.New(t, m, wstest.Replace(fake))
	}
	if fake.number != 42 || own.number != 0 {
		t.Errorf("got %d and %d, want the service to be the fake", fake.number, own.number)
	}
}

// Promoted hooks.

type base struct{ opened, closed chan string }

func (b *base) OnOpen(_ context.Context, c *guestConn) error {
	b.opened <- c.ID()
	return nil
}

func (b *base) OnClose(_ context.Context, c *guestConn, _ error) { b.closed <- c.ID() }

type derived struct{ *base }

func TestPromotedHooksCount(t *testing.T) {
	b := &base{make(chan string, 1), make(chan string, 1)}
	c := kit.Dial(t, kit.NewAppOf(t, nil, gatewayAt("/", func() derived { return derived{b} })), "/")
	opened := <-b.opened
	c.CloseNow()
	if closed := <-b.closed; closed != opened {
		t.Errorf("OnClose of %s, want %s", closed, opened)
	}
}

type badBase struct{}

func (*badBase) OnOpen(*guestConn) error { return nil }

type badValueBase struct{}

func (badValueBase) OnClose(*guestConn) {}

type deep struct{ middle }

type middle struct {
	*badBase
	badValueBase
}

type generic[T any] struct{}

func (*generic[T]) OnOpen(*wsgate.Conn[T]) error { return nil }

type derivedGeneric struct{ generic[guest] }

func TestPromotedHooksAreFoundWhereTheyAreWritten(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", func() *deep { return nil }), nil)
	kit.CheckText(t, text, "*wsgate_test.deep.OnOpen", kit.At("func (*badBase) OnOpen("), "*wsgate_test.deep.OnClose", kit.At("func (badValueBase) OnClose("))
	if strings.Contains(text, "autogenerated") {
		t.Errorf("generated code in\n%s", text)
	}
	text = kit.Refused(t, gatewayAt("/", func() *derivedGeneric { return nil }), nil)
	kit.CheckText(t, text, "*wsgate_test.derivedGeneric.OnOpen", kit.At("func (*generic[T]) OnOpen("), "wsgate.Conn[wsgate_test.guest]")
}

//lint:ignore U1000 the field is there for its method
type shadowing struct{ badBase }

func (*shadowing) OnOpen(context.Context, *guestConn) error { return nil }

func TestShadowedHookDoesNotCount(t *testing.T) {
	app, err := wsgate.New(gatewayAt("/", func() *shadowing { return &shadowing{} }), nil)
	if err != nil {
		t.Fatal(err)
	}
	app.Shutdown(t.Context())
}
