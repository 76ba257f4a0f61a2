package wsgate_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Data whose ExpiresAt would never be called.

type (
	endsUnix     struct{}
	endsAsked    struct{}
	endsBeside   struct{}
	endsPointer  struct{}
	endsEmbedded struct{ endsUnix }
)

func (endsUnix) ExpiresAt() int64                  { return 7 }
func (*endsAsked) ExpiresAt(t time.Time) time.Time { return t }
func (endsBeside) ExpiresAt() (time.Time, error)   { return time.Time{}, nil }
func (endsPointer) ExpiresAt() *time.Time          { return nil }
func newEndsUnix() *keeper[endsUnix]               { return nil }
func newEndsAsked() *keeper[*endsAsked]            { return nil }
func newEndsBeside() *keeper[endsBeside]           { return nil }
func newEndsPointer() *keeper[endsPointer]         { return nil }
func newEndsEmbedded() *keeper[endsEmbedded]       { return nil }

func TestWrongExpiresAt(t *testing.T) {
	for _, test := range []struct {
		constructor       any
		where, have, want string
	}{
		{newEndsUnix, kit.At("func newEndsUnix"), "func (*wsgate_test.endsUnix) ExpiresAt() int64", "func (*wsgate_test.endsUnix) ExpiresAt() time.Time"},
		{newEndsAsked, kit.At("func newEndsAsked"), "func (*wsgate_test.endsAsked) ExpiresAt(time.Time) time.Time", "func (*wsgate_test.endsAsked) ExpiresAt() time.Time"},
		{newEndsBeside, kit.At("func newEndsBeside"), "func (*wsgate_test.endsBeside) ExpiresAt() (time.Time, error)", "func (*wsgate_test.endsBeside) ExpiresAt() time.Time"},
		{newEndsPointer, kit.At("func newEndsPointer"), "func (*wsgate_test.endsPointer) ExpiresAt() *time.Time", "func (*wsgate_test.endsPointer) ExpiresAt() time.Time"},
		{newEndsEmbedded, kit.At("func newEndsEmbedded"), "func (*wsgate_test.endsEmbedded) ExpiresAt() int64", "func (*wsgate_test.endsEmbedded) ExpiresAt() time.Time"},
	} {
		text := kit.Refused(t, gatewayAt("/ws", test.constructor), nil)
		kit.CheckText(t, text, `route "/ws"`, "ExpiresAt does not tell when the session ends", test.where, "have "+test.have, "want "+test.want, "fix: ")
		if n := kit.CountMistakes(text); n != 1 {
			t.Errorf("%d mistakes, want 1:\n%s", n, text)
		}
	}
}

// Hooks whose OnRefresh would never be called.

type refreshEndless struct{ named }

func (*refreshEndless) OnRefresh(context.Context, *guestConn, string) (guest, error) { panic(0) }

type refreshString struct{}

func (*refreshString) OnRefresh(context.Context, *wsgate.Conn[string], string) (string, error) {
	panic(0)
}

type refreshNoToken struct{ named }

func (*refreshNoToken) OnRefresh(context.Context, *guestConn) (guest, error) { panic(0) }

type refreshNoData struct{ named }

func (*refreshNoData) OnRefresh(context.Context, *guestConn, string) error { panic(0) }

type refreshOtherData struct{ named }

func (*refreshOtherData) OnRefresh(context.Context, *guestConn, string) (string, error) { panic(0) }

type refreshRequest struct{ named }

func (*refreshRequest) OnRefresh(*http.Request, string) (guest, error) { panic(0) }

func TestWrongOnRefresh(t *testing.T) {
	const want = "want func(context.Context, *wsgate.Conn[wsgate_test.guest], string) (wsgate_test.guest, error)"
	for _, test := range []struct {
		constructor any
		fragments   []string
	}{
		{func() *refreshNoToken { return nil }, []string{"refreshNoToken.OnRefresh", kit.At("func (*refreshNoToken) OnRefresh("), want}},
		{func() *refreshNoData { return nil }, []string{"refreshNoData.OnRefresh", kit.At("func (*refreshNoData) OnRefresh("), want}},
		{func() *refreshOtherData { return nil }, []string{"refreshOtherData.OnRefresh", kit.At("func (*refreshOtherData) OnRefresh("), want}},
		{func() *refreshRequest { return nil }, []string{"refreshRequest.OnRefresh", kit.At("func (*refreshRequest) OnRefresh("), want}},
		{func() *refreshEndless { return nil }, []string{
			`route "/ws": OnRefresh would never be called`, kit.At("func (*refreshEndless) OnRefresh("), "have data of type wsgate_test.guest",
			"want a method ExpiresAt() time.Time", "fix: give wsgate_test.guest a method ExpiresAt() time.Time",
		}},
		{func() *refreshString { return nil }, []string{
			`route "/ws": OnRefresh would never be called`, kit.At("func (*refreshString) OnRefresh("), "have data of type string",
			"fix: use a type of your own in place of string",
		}},
	} {
		text := kit.Refused(t, gatewayAt("/ws", test.constructor), nil)
		kit.CheckText(t, text, test.fragments...)
		if n := kit.CountMistakes(text); n != 1 {
			t.Errorf("%d mistakes, want 1:\n%s", n, text)
		}
	}
}

// Both receivers, and data that is an interface, tell when a session ends.

type (
	endsByValue   struct{ end time.Time }
	endsByPointer struct{ end time.Time }
	ends          interface{ ExpiresAt() time.Time }
)

func (e endsByValue) ExpiresAt() time.Time    { return e.end }
func (e *endsByPointer) ExpiresAt() time.Time { return e.end }

func refuses[D any](t *testing.T, data D) {
	t.Helper()
	app := kit.NewApp(t, nil, kit.RouteTo("/", &keeper[D]{func(*http.Request) (D, error) { return data, nil }}))
	if resp := kit.DialRefused(t, app, "/", nil); resp.StatusCode != 401 {
		t.Errorf("%T: got status %d", data, resp.StatusCode)
	}
}

func TestEndedAtTheUpgrade(t *testing.T) {
	now := time.Now()
	refuses(t, endsByValue{now})
	refuses(t, &endsByValue{now})
	refuses(t, endsByPointer{now})
	refuses(t, &endsByPointer{now})
	refuses[ends](t, endsByValue{now})
	refuses[ends](t, &endsByPointer{now})
	keeps[ends](t, nil, "<nil> <nil>")
	keeps(t, endsByValue{}, "wsgate_test.endsByValue {{0 0 <nil>}}")
}
