package wsgate_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Hooks with a wrong signature beside a right one, which names D.

type named struct{} // embedded to name D

func (named) OnMessage(context.Context, *guestConn, wsgate.Message) error { return nil }

type namedClose struct{} // the same by another hook

func (namedClose) OnClose(context.Context, *guestConn, error) {}

type upgradeNoError struct{ named }

func (*upgradeNoError) OnUpgrade(*http.Request) guest { return guest{} }

type upgradeOtherData struct{ named }

func (*upgradeOtherData) OnUpgrade(*http.Request) (string, error) { return "", nil }

type upgradeWriter struct{ named }

func (*upgradeWriter) OnUpgrade(http.ResponseWriter, *http.Request) (guest, error) { panic(0) }

type upgradeValue struct{ named }

func (*upgradeValue) OnUpgrade(http.Request) (guest, error) { return guest{}, nil }

type openNoContext struct{ named }

func (*openNoContext) OnOpen(*guestConn) error { return nil }

type openNoError struct{ named }

func (*openNoError) OnOpen(context.Context, *guestConn) {}

type openConnValue struct{ named }

func (*openConnValue) OnOpen(context.Context, guestConn) error { return nil }

type openAnyConn struct{ named }

func (*openAnyConn) OnOpen(context.Context, wsgate.AnyConn) error { return nil }

type openVariadic struct{ named }

func (*openVariadic) OnOpen(context.Context, *guestConn, ...string) error { return nil }

type messageBytes struct{ namedClose }

func (*messageBytes) OnMessage(context.Context, *guestConn, []byte) error { return nil }

type messagePointer struct{ namedClose }

func (*messagePointer) OnMessage(context.Context, *guestConn, *wsgate.Message) error { return nil }

type messageSwapped struct{ namedClose }

func (*messageSwapped) OnMessage(*guestConn, context.Context, wsgate.Message) error { return nil }

type closeNoCause struct{ named }

func (*closeNoCause) OnClose(context.Context, *guestConn) {}

type closeWithError struct{ named }

func (*closeWithError) OnClose(context.Context, *guestConn, error) error { return nil }

type eventsSlice struct{ namedClose }

func (*eventsSlice) Events() []wsgate.Binding[guest] { return nil }

type eventsWithError struct{ namedClose }

func (*eventsWithError) Events() (wsgate.Events[guest], error) { return nil, nil }

type eventsPointer struct{ namedClose }

func (*eventsPointer) Events() *wsgate.Events[guest] { return nil }

// The same where nothing names D.

type upgradeNothing struct{}

func (*upgradeNothing) OnUpgrade() error { return nil }

type upgradeVariadic struct{}

func (*upgradeVariadic) OnUpgrade(...*http.Request) (guest, error) { return guest{}, nil }

type upgradeString struct{}

func (*upgradeString) OnUpgrade(string) (guest, error) { return guest{}, nil }

type openString struct{}

func (*openString) OnOpen(context.Context, string) error { return nil }

type messageString struct{}

func (*messageString) OnMessage(string) {}

type closeNothing struct{}

func (*closeNothing) OnClose() error { return nil }

type eventsMap struct{}

func (*eventsMap) Events() map[string]any { return nil }

type openOnlyConn struct{} // names D in a signature that is wrong

func (*openOnlyConn) OnOpen(c *guestConn) error { return nil }

// A connection type of one's own around a Conn.

type wrappedConn struct{ *guestConn }

type openWrapped struct{}

func (*openWrapped) OnOpen(context.Context, *wrappedConn) error { return nil }

func TestHookSignatures(t *testing.T) {
	const (
		wantUpgrade = "want func(*http.Request) (wsgate_test.guest, error)"
		wantOpen    = "want func(context.Context, *wsgate.Conn[wsgate_test.guest]) error"
		wantMessage = "want func(context.Context, *wsgate.Conn[wsgate_test.guest], wsgate.Message) error"
		wantClose   = "want func(context.Context, *wsgate.Conn[wsgate_test.guest], error)"
		wantEvents  = "want func() wsgate.Events[wsgate_test.guest]"
	)
	for _, test := range []struct {
		constructor      any
		hook, have, want string
	}{
		{func() *upgradeNoError { return nil }, "upgradeNoError.OnUpgrade", "have func(*http.Request) wsgate_test.guest", wantUpgrade},
		{func() *upgradeOtherData { return nil }, "upgradeOtherData.OnUpgrade", "have func(*http.Request) (string, error)", wantUpgrade},
		{func() *upgradeWriter { return nil }, "upgradeWriter.OnUpgrade", "have func(http.ResponseWriter, *http.Request) (wsgate_test.guest, error)", wantUpgrade},
		{func() *upgradeValue { return nil }, "upgradeValue.OnUpgrade", "have func(http.Request) (wsgate_test.guest, error)", wantUpgrade},
		{func() *openNoContext { return nil }, "openNoContext.OnOpen", "have func(*wsgate.Conn[wsgate_test.guest]) error", wantOpen},
		{func() *openNoError { return nil }, "openNoError.OnOpen", "have func(context.Context, *wsgate.Conn[wsgate_test.guest])\n", wantOpen},
		{func() *openConnValue { return nil }, "openConnValue.OnOpen", "have func(context.Context, wsgate.Conn[wsgate_test.guest]) error", wantOpen},
		{func() *openAnyConn { return nil }, "openAnyConn.OnOpen", "have func(context.Context, wsgate.AnyConn) error", wantOpen},
		{func() *openVariadic { return nil }, "openVariadic.OnOpen", "have func(context.Context, *wsgate.Conn[wsgate_test.guest], ...string) error", wantOpen},
		{func() *messageBytes { return nil }, "messageBytes.OnMessage", "have func(context.Context, *wsgate.Conn[wsgate_test.guest], []byte) error", wantMessage},
		{func() *messagePointer { return nil }, "messagePointer.OnMessage", "have func(context.Context, *wsgate.Conn[wsgate_test.guest], *wsgate.Message) error", wantMessage},
		{func() *messageSwapped { return nil }, "messageSwapped.OnMessage", "have func(*wsgate.Conn[wsgate_test.guest], context.Context, wsgate.Message) error", wantMessage},
		{func() *closeNoCause { return nil }, "closeNoCause.OnClose", "have func(context.Context, *wsgate.Conn[wsgate_test.guest])\n", wantClose},
		{func() *closeWithError { return nil }, "closeWithError.OnClose", "have func(context.Context, *wsgate.Conn[wsgate_test.guest], error) error", wantClose},
		{func() *eventsSlice { return nil }, "eventsSlice.Events", "have func() []wsgate.Binding[wsgate_test.guest]", wantEvents},
		{func() *eventsWithError { return nil }, "eventsWithError.Events", "have func() (wsgate.Events[wsgate_test.guest], error)", wantEvents},
		{func() *eventsPointer { return nil }, "eventsPointer.Events", "have func() *wsgate.Events[wsgate_test.guest]", wantEvents},
		{func() *openOnlyConn { return nil }, "openOnlyConn.OnOpen", "have func(*wsgate.Conn[wsgate_test.guest]) error", wantOpen},

		{func() *upgradeNothing { return nil }, "upgradeNothing.OnUpgrade", "have func() error", "want func(*http.Request) (D, error)"},
		{func() *upgradeVariadic { return nil }, "upgradeVariadic.OnUpgrade", "have func(...*http.Request) (wsgate_test.guest, error)", "want func(*http.Request) (D, error)"},
		{func() *upgradeString { return nil }, "upgradeString.OnUpgrade", "have func(string) (wsgate_test.guest, error)", "want func(*http.Request) (D, error)"},
		{func() *openString { return nil }, "openString.OnOpen", "have func(context.Context, string) error", "want func(context.Context, *wsgate.Conn[D]) error"},
		{func() *messageString { return nil }, "messageString.OnMessage", "have func(string)", "want func(context.Context, *wsgate.Conn[D], wsgate.Message) error"},
		{func() *closeNothing { return nil }, "closeNothing.OnClose", "have func() error", "want func(context.Context, *wsgate.Conn[D], error)"},
		{func() *eventsMap { return nil }, "eventsMap.Events", "have func() map[string]any", "want func() wsgate.Events[D]"},
		{func() *openWrapped { return nil }, "openWrapped.OnOpen", "have func(context.Context, *wsgate_test.wrappedConn) error", "want func(context.Context, *wsgate.Conn["},
	} {
		t.Run(test.hook, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", test.constructor), nil)
			typ, method, _ := strings.Cut(test.hook, ".")
			kit.CheckText(t, text, "*wsgate_test."+test.hook, kit.At("func (*"+typ+") "+method+"("), test.have, test.want)
			if n := kit.CountMistakes(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
		})
	}
}

type twoData struct{}

func (*twoData) OnOpen(context.Context, *guestConn) error          { return nil }
func (*twoData) OnClose(context.Context, *wsgate.Conn[int], error) {}

type twoDataInEvents struct{}

func (*twoDataInEvents) OnOpen(context.Context, *guestConn) error { return nil }
func (*twoDataInEvents) Events() wsgate.Events[int]               { return nil }

func TestHooksWithDifferentData(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", func() *twoData { return nil }), nil)
	kit.CheckText(t, text, "gateway *wsgate_test.twoData", kit.At("func (*twoData) OnOpen("), kit.At("func (*twoData) OnClose("),
		"*wsgate.Conn[wsgate_test.guest] in OnOpen", "*wsgate.Conn[int] in OnClose", "fix:")

	text = kit.Refused(t, gatewayAt("/", func() *twoDataInEvents { return nil }), nil)
	kit.CheckText(t, text, "gateway *wsgate_test.twoDataInEvents", kit.At("func (*twoDataInEvents) Events("), "Events", "[int]", "[wsgate_test.guest]")
}

type both struct{ named }

func (*both) Events() wsgate.Events[guest] { return nil }

func newBoth() *both { return &both{} }

func TestBothMessageAndEvents(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", newBoth), nil)
	kit.CheckText(t, text, "*wsgate_test.both", "both OnMessage and Events", kit.At("func newBoth("), "fix:")
}

type hookless struct{}

func (*hookless) Open(context.Context, *guestConn) error      { return nil }
func (*hookless) onMessage(context.Context, *guestConn) error { return nil }

func newHookless() *hookless { return new(hookless) }

func TestNoHook(t *testing.T) {
	_ = (*hookless).onMessage
	text := kit.Refused(t, gatewayAt("/", newHookless), nil)
	kit.CheckText(t, text, "*wsgate_test.hookless has no hook", kit.At("func newHookless("), "OnUpgrade, OnOpen, OnMessage, OnClose, Events", "fix:")

	for _, constructor := range []any{
		func() int { return 0 },
		func() func() { return nil },
		func() *any { return nil },
		func() **fine { return nil },
		func() map[string]*fine { return nil },
	} {
		kit.CheckText(t, kit.Refused(t, gatewayAt("/", constructor), nil), "has no hook", "startup_hooks_test.go:")
	}
}

type onPointer struct{}

func (*onPointer) OnOpen(context.Context, *guestConn) error  { return nil }
func (onPointer) OnClose(context.Context, *guestConn, error) {}

func newOnPointer() onPointer { return onPointer{} }

type onlyOnPointer struct{}

func (*onlyOnPointer) OnOpen(context.Context, *guestConn) error { return nil }

func newOnlyOnPointer() (onlyOnPointer, error) { return onlyOnPointer{}, nil }

func TestValueWithHooksOnThePointer(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", newOnPointer), nil)
	kit.CheckText(t, text, "wsgate_test.newOnPointer", kit.At("func newOnPointer("), "have wsgate_test.onPointer", "want *wsgate_test.onPointer",
		"OnOpen", "fix: return a pointer")
	if strings.Contains(text, "OnClose") {
		t.Errorf("OnClose is on the value:\n%s", text)
	}
	text = kit.Refused(t, gatewayAt("/", newOnlyOnPointer), nil)
	kit.CheckText(t, text, "wsgate_test.newOnlyOnPointer", kit.At("func newOnlyOnPointer("), "want *wsgate_test.onlyOnPointer", "OnOpen")
}

type onValue struct{ opened chan<- guest }

func (g onValue) OnOpen(_ context.Context, c *guestConn) error {
	g.opened <- c.Data
	return nil
}

func TestValueWithHooksOnTheValue(t *testing.T) {
	opened := make(chan guest, 1)
	kit.Dial(t, kit.NewAppOf(t, nil, gatewayAt("/", func() onValue { return onValue{opened} })), "/")
	<-opened
}

type (
	wrongOnConnect    struct{ named }
	wrongOnConnection struct{ named }
	wrongOnDisconnect struct{ named }
	wrongOnError      struct{ named }
	wrongOnEvent      struct{ namedClose }
	wrongOnmessage    struct{}
)

func (*wrongOnConnect) OnConnect(context.Context, *guestConn) error       { return nil }
func (*wrongOnConnection) OnConnection(context.Context, *guestConn) error { return nil }
func (*wrongOnDisconnect) OnDisconnect(context.Context, *guestConn)       {}
func (*wrongOnError) OnError(error)                                       {}
func (*wrongOnEvent) OnEvent(string, any)                                 {}
func (*wrongOnmessage) Onmessage(context.Context, *guestConn) error       { return nil }

func TestWrongNames(t *testing.T) {
	for _, test := range []struct {
		constructor any
		method, fix string
	}{
		{func() *wrongOnConnect { return nil }, "wrongOnConnect.OnConnect", "did you mean OnOpen?"},
		{func() *wrongOnConnection { return nil }, "wrongOnConnection.OnConnection", "did you mean OnOpen?"},
		{func() *wrongOnDisconnect { return nil }, "wrongOnDisconnect.OnDisconnect", "did you mean OnClose?"},
		{func() *wrongOnError { return nil }, "wrongOnError.OnError", "OnClose"},
		{func() *wrongOnEvent { return nil }, "wrongOnEvent.OnEvent", "did you mean Events?"},
		{func() *wrongOnmessage { return nil }, "wrongOnmessage.Onmessage", "did you mean OnMessage?"},
	} {
		t.Run(test.method, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", test.constructor), nil)
			typ, method, _ := strings.Cut(test.method, ".")
			kit.CheckText(t, text, "*wsgate_test."+test.method, kit.At("func (*"+typ+") "+method+"("), "fix: ", test.fix)
		})
	}
}

// Constructors of gateways.

func newNothing() {}

func newOnlyError() error { return nil }

func newThree() (*fine, int, error) { return nil, 0, nil }

func newNoErrorSecond() (*fine, string) { return nil, "" }

func newInterface() wsgate.Opener[guest] { return nil }

func TestGatewayConstructors(t *testing.T) {
	var missing func() *fine
	for _, test := range []struct {
		name        string
		constructor any
		want        []string
	}{
		{"nil", nil, []string{`"/"`, "want func(services...) *G"}},
		{"nil function", missing, []string{`"/"`, "nil", "want func(services...) *G"}},
		{"value", &fine{}, []string{`"/"`, "have *wsgate_test.fine", "want func(services...) *G", "fix: pass the constructor"}},
		{"string", "newFine", []string{`"/"`, "have string", "want func(services...) *G"}},
		{"nothing", newNothing, []string{"wsgate_test.newNothing", kit.At("func newNothing("), "have func()", "want func(services...) *G"}},
		{"only error", newOnlyError, []string{"wsgate_test.newOnlyError", kit.At("func newOnlyError("), "have func() error", "want func(services...) *G"}},
		{"three", newThree, []string{"wsgate_test.newThree", kit.At("func newThree("), "have func() (*wsgate_test.fine, int, error)", "want func(services...) *G"}},
		{"no error second", newNoErrorSecond, []string{"wsgate_test.newNoErrorSecond", kit.At("func newNoErrorSecond("), "have func() (*wsgate_test.fine, string)"}},
		{"interface", newInterface, []string{"wsgate_test.newInterface", kit.At("func newInterface("), "wsgate.Opener[wsgate_test.guest]", "want"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", test.constructor), nil)
			kit.CheckText(t, text, test.want...)
			if n := kit.CountMistakes(text); n != 1 {
				t.Errorf("%d mistakes, want 1:\n%s", n, text)
			}
		})
	}
}

type singularGateway struct{ fine }

func (*singularGateway) Event() wsgate.Events[guest] { return nil } // singular

type singularAlone struct{}

func (singularAlone) Event() []wsgate.Binding[guest] { return nil } // singular alone

type singularBesides struct{}

func (g *singularBesides) Events() wsgate.Events[guest] { return g.Event() }

func (*singularBesides) Event() wsgate.Events[guest] { return nil }

type calendarGateway struct{ fine }

func (*calendarGateway) Event() string { return "a party" }

type askingGateway struct{ fine }

func (*askingGateway) Event(name string) wsgate.Events[guest] { return nil }

// Event is a mistake for Events if it returns a table, and else a name like any other.
func TestEventForEvents(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", func() *singularGateway { return &singularGateway{} }), nil)
	kit.CheckText(t, text, "*wsgate_test.singularGateway.Event is not a hook", kit.At("singular"), "did you mean Events? else choose another name")
	text = kit.Refused(t, gatewayAt("/", func() singularAlone { return singularAlone{} }), nil)
	kit.CheckText(t, text, "wsgate_test.singularAlone.Event is not a hook", kit.At("singular alone"), "has no hook")
	for _, right := range []any{
		func() *singularBesides { return &singularBesides{} },
		func() *calendarGateway { return &calendarGateway{} },
		func() *askingGateway { return &askingGateway{} },
	} {
		app, err := wsgate.New(gatewayAt("/", right), nil)
		if err != nil {
			t.Error(err)
			continue
		}
		app.Shutdown(t.Context())
	}
}
