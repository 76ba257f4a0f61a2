package wsgate_test

import (
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
)

func TestEventNames(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, test := range []struct{ name, why string }{
		{"", "empty"},
		{"error", "errors"},
		{"$", "reserved"},
		{"$say", "reserved"},
		{"a\nb", "line breaks"},
		{"\xff", "UTF-8"},
		{long, "64"},
		{strings.Repeat("ä", 65), "64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bound := wsgate.On(wsgate.Event[string](test.name), ignore[string]()) // bound event
			answered := wsgate.Answer(wsgate.Call[string, int](test.name), know[string, int]())
			for _, b := range []wsgate.Binding[guest]{bound, answered} {
				text := refused(t, gatewayAt("/", speaking(b)), nil)
				checkText(t, text, "*wsgate_test.table", test.why, "want", "startup_events_test.go:")
			}
			checkText(t, refused(t, gatewayAt("/", speaking(bound)), nil), at("bound event"))
		})
	}
	for _, name := range []string{"x", "Error", "errors", "a b", "a$", "ä", "日本", strings.Repeat("x", 64), strings.Repeat("ä", 64), `"`, `\`, "type"} {
		app, err := wsgate.New(gatewayAt("/", speaking(wsgate.On(wsgate.Event[string](name), ignore[string]()))), nil)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		app.Shutdown(t.Context())
	}
}

func TestDuplicateEvents(t *testing.T) {
	const say, ask = wsgate.Event[string]("say"), wsgate.Call[int, string]("say")
	first := wsgate.On(say, ignore[string]())                   // first binding
	second := wsgate.On(say, ignore[string]())                  // second binding
	third := wsgate.Answer(ask, know[int, string]())            // third binding
	other := wsgate.On(wsgate.Event[int]("SAY"), ignore[int]()) // names are case-sensitive
	text := refused(t, gatewayAt("/", speaking(first, other, second)), nil)
	checkText(t, text, "*wsgate_test.table", `"say"`, "twice", at("first binding"), at("second binding"), "fix:")
	text = refused(t, gatewayAt("/", speaking(third, first)), nil)
	checkText(t, text, `"say"`, at("first binding"), at("third binding"))
}

func TestBindingsWithoutAHandler(t *testing.T) {
	nothing := wsgate.On[guest, string]("nothing", nil)                // no handler
	answerless := wsgate.Answer[guest, string, int]("answerless", nil) // no answer
	for _, test := range []struct {
		name  string
		bound wsgate.Binding[guest]
		want  []string
	}{
		{"On", nothing, []string{`"nothing"`, at("no handler"), "fix:"}},
		{"Answer", answerless, []string{`"answerless"`, at("no answer"), "fix:"}},
		{"zero", wsgate.Binding[guest]{}, []string{"On, Answer or Track"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := refused(t, gatewayAt("/", speaking(test.bound)), nil)
			checkText(t, text, append(test.want, "*wsgate_test.table")...)
		})
	}
}

// priced has JSON names that not every release of Go uses.
type priced struct {
	Prices []struct {
		Amount int `json:"€"`
	}
}

// unsendable has a field that has no JSON.
type unsendable struct {
	List []struct{ Done chan int }
}

// A payload that has no JSON is refused before it is sent, or before a client is told to send it.
func TestPayloadsWithoutJSON(t *testing.T) {
	want := []string{`event "bad"`, "JSON of payload", "cannot be made", "struct { Done chan int }.Done with chan int", "fix:", `json:"-"`}
	for _, bound := range []wsgate.Binding[guest]{
		wsgate.On("bad", ignore[unsendable]()),
		wsgate.Answer("bad", know[*unsendable, int]()),
		wsgate.Answer("bad", know[int, []unsendable]()),
		wsgate.Track("bad", func(*wsgate.Conn[guest], string) (unsendable, bool) { return unsendable{}, true }),
	} {
		checkText(t, refused(t, gatewayAt("/", speaking(bound)), nil), append(want, "startup_events_test.go:")...)
	}
	app := newAppOf(t, nil, gatewayAt("/only/sent", newFine))
	checkText(t, wellFormed(t, wsgate.Event[unsendable]("bad").Emit(app.Hub(), unsendable{})), want...)
}

// What is wrong with gateways' tables is told all at once, and together with what fails beside them.
func TestAllTablesAtOnce(t *testing.T) {
	m := &wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/a", New: speaking(wsgate.On("$a", ignore[int]()), wsgate.On("b", ignore[unsendable]()), wsgate.Answer("c", know[asksBool, priced]()))},
		{Path: "/failing", New: func() (*table, error) { return nil, errOfService }},
		{Path: "/panicking", New: func() *panickingEvents { return &panickingEvents{} }},
		{Path: "/b", New: speaking(wsgate.On("d", ignore[priced]()), wsgate.On[guest, int]("e", nil))},
	}}
	checkText(t, refused(t, m, nil), `"$a"`, `event "b": the JSON`, `event "c": the JSON`, `event "c": payload wsgate_test.asksBool has a Validate`,
		errOfService.Error(), "no table today", `event "d": the JSON`, `"e" has no handler`)
}

// A payload that would look different after the next release of Go is refused, wherever it occurs.
func TestUnportablePayloads(t *testing.T) {
	want := []string{`event "bad"`, "depends on the release of Go", `.Amount with the JSON name "€"`, "fix:"}
	nested := &wsgate.Options{Envelope: wsgate.Envelope{Data: "payload"}}
	for _, bound := range []wsgate.Binding[guest]{
		wsgate.On("bad", ignore[priced]()),
		wsgate.On("bad", ignore[[]*priced]()),
		wsgate.Answer("bad", know[priced, int]()),
		wsgate.Answer("bad", know[int, map[string]priced]()),
		wsgate.Track("bad", func(*wsgate.Conn[guest], string) (priced, bool) { return priced{}, true }),
	} {
		checkText(t, refused(t, gatewayAt("/", speaking(bound)), nil), append(want, "startup_events_test.go:")...)
		checkText(t, refused(t, gatewayAt("/", speaking(bound)), nested), want...)
	}
	app := newAppOf(t, nil, gatewayAt("/only/sent", newFine))
	for range 2 { // the first is not forgotten
		checkText(t, wellFormed(t, wsgate.Event[priced]("bad").Emit(app.Hub(), priced{})), want...)
	}
}

func TestEnvelopesThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		name     string
		envelope wsgate.Envelope
		want     string
	}{
		{"type is id", wsgate.Envelope{Type: "id"}, `"id"`},
		{"type is data", wsgate.Envelope{Type: "data"}, `"data"`},
		{"id is type", wsgate.Envelope{ID: "type"}, `"type"`},
		{"id is data", wsgate.Envelope{ID: "data"}, `"data"`},
		{"data is type", wsgate.Envelope{Data: "type"}, `"type"`},
		{"data is ID in another case", wsgate.Envelope{Data: "Id"}, `"Id"`},
		{"all the same", wsgate.Envelope{Type: "x", ID: "x", Data: "x"}, `"x"`},
		{"type is a key of errors", wsgate.Envelope{Type: "code"}, `"code"`},
		{"id is a key of errors", wsgate.Envelope{ID: "message"}, `"message"`},
		{"not UTF-8", wsgate.Envelope{Type: "\xff"}, "UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := gatewayAt("/", speaking(wsgate.On("say", ignore[string]())))
			checkText(t, refused(t, m, &wsgate.Options{Envelope: test.envelope}), "Envelope", test.want)
			m.Gateways[0].Envelope = test.envelope
			checkText(t, refused(t, m, nil), "Envelope", test.want, `"/"`)
		})
	}
	// Beside a payload of its own, an error's keys are free.
	newAppOf(t, &wsgate.Options{Envelope: wsgate.Envelope{Type: "code", Data: "data"}}, gatewayAt("/", speaking()))
}

type panickingEvents struct{}

func (*panickingEvents) Events() wsgate.Events[guest] {
	panic("no table today") // where Events panics
}

func TestEventsThatPanics(t *testing.T) {
	text := refused(t, gatewayAt("/", func() *panickingEvents { return &panickingEvents{} }), nil)
	checkText(t, text, "*wsgate_test.panickingEvents", "Events", "no table today", at("where Events panics"))
}

func TestEmitOfNamesThatCannotBe(t *testing.T) {
	app := newAppOf(t, nil, gatewayAt("/", speaking()))
	for _, name := range []string{"", "error", "$x", "a\tb", strings.Repeat("x", 65)} {
		err := wsgate.Event[string](name).Emit(app.Hub().At("/"), "x")
		checkText(t, wellFormed(t, err), "event ")
	}
}

func TestEmptyTableIsATable(t *testing.T) {
	app := newAppOf(t, nil, gatewayAt("/", speaking()))
	c := dial(t, app, "/")
	c.say(`{"type":"x"}`)
	c.hears(`{"type":"error","code":"unknown_event","message":"unknown event \"x\""}`)
}

// hiddenLine is a payload that has forgotten to export its fields.
type hiddenLine struct{ from, text string }

// JSON sees nothing of a struct whose fields are all unexported: New says so of what is bound, and Emit of what is sent.
func TestHiddenPayloads(t *testing.T) {
	_ = hiddenLine{"ann", "hello"}
	const line wsgate.Event[hiddenLine] = "line"
	bound := wsgate.On(line, ignore[hiddenLine]())                                             // hidden payload
	asked := wsgate.Answer(wsgate.Call[int, []hiddenLine]("lines"), know[int, []hiddenLine]()) // hidden answer
	text := refused(t, gatewayAt("/", speaking(bound, asked)), nil)
	checkText(t, text, `event "line": the JSON of payload wsgate_test.hiddenLine leaves out what it holds`, at("hidden payload"),
		`event "lines": the JSON of payload []wsgate_test.hiddenLine leaves out what it holds`, at("hidden answer"),
		"have wsgate_test.hiddenLine, all of whose fields are unexported", "fix: export them, as From with the tag `json:\"from\"`")

	// Also where payloads stand under a key of their own.
	checkText(t, refused(t, gatewayAt("/", speaking(bound)), &wsgate.Options{Envelope: wsgate.Envelope{Data: "data"}}), "leaves out what it holds")

	app := newApp(t, nil, routeTo("/", &messageGateway{}))
	err := line.Emit(app.Hub(), hiddenLine{})
	checkText(t, wellFormed(t, err), `event "line": the JSON of payload wsgate_test.hiddenLine leaves out what it holds`)
	if err := wsgate.Event[struct{}]("empty").Emit(app.Hub(), struct{}{}); err != nil {
		t.Error(err)
	}
}
