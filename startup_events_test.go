package wsgate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wrapper"
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
				text := kit.Refused(t, gatewayAt("/", speaking(b)), nil)
				kit.CheckText(t, text, "*wsgate_test.table", test.why, "want", "startup_events_test.go:")
			}
			kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(bound)), nil), kit.At("bound event"))
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
	text := kit.Refused(t, gatewayAt("/", speaking(first, other, second)), nil)
	kit.CheckText(t, text, "*wsgate_test.table", `"say"`, "twice", kit.At("first binding"), kit.At("second binding"), "fix:")
	text = kit.Refused(t, gatewayAt("/", speaking(third, first)), nil)
	kit.CheckText(t, text, `"say"`, kit.At("first binding"), kit.At("third binding"))
}

func TestBindingsWithoutAHandler(t *testing.T) {
	nothing := wsgate.On[guest, string]("nothing", nil)                // no handler
	answerless := wsgate.Answer[guest, string, int]("answerless", nil) // no answer
	for _, test := range []struct {
		name  string
		bound wsgate.Binding[guest]
		want  []string
	}{
		{"On", nothing, []string{`"nothing"`, kit.At("no handler"), "fix:"}},
		{"Answer", answerless, []string{`"answerless"`, kit.At("no answer"), "fix:"}},
		{"zero", wsgate.Binding[guest]{}, []string{"On, Answer or Track"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", speaking(test.bound)), nil)
			kit.CheckText(t, text, append(test.want, "*wsgate_test.table")...)
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
		kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(bound)), nil), append(want, "startup_events_test.go:")...)
	}
	app := kit.NewAppOf(t, nil, gatewayAt("/only/sent", newFine))
	kit.CheckText(t, kit.WellFormed(t, wsgate.Event[unsendable]("bad").Emit(app.Hub(), unsendable{})), want...)
}

// What is wrong with gateways' tables is told all at once, and together with what fails beside them.
func TestAllTablesAtOnce(t *testing.T) {
	m := &wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/a", New: speaking(wsgate.On("$a", ignore[int]()), wsgate.On("b", ignore[unsendable]()), wsgate.Answer("c", know[asksBool, priced]()))},
		{Path: "/failing", New: func() (*table, error) { return nil, errOfService }},
		{Path: "/panicking", New: func() *panickingEvents { return &panickingEvents{} }},
		{Path: "/b", New: speaking(wsgate.On("d", ignore[priced]()), wsgate.On[guest, int]("e", nil))},
	}}
	kit.CheckText(t, kit.Refused(t, m, nil), `"$a"`, `event "b": the JSON`, `event "c": the JSON`, `event "c": payload wsgate_test.asksBool has a Validate`,
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
		kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(bound)), nil), append(want, "startup_events_test.go:")...)
		kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(bound)), nested), want...)
	}
	app := kit.NewAppOf(t, nil, gatewayAt("/only/sent", newFine))
	for range 2 { // the first is not forgotten
		kit.CheckText(t, kit.WellFormed(t, wsgate.Event[priced]("bad").Emit(app.Hub(), priced{})), want...)
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
			kit.CheckText(t, kit.Refused(t, m, &wsgate.Options{Envelope: test.envelope}), "Envelope", test.want)
			m.Gateways[0].Envelope = test.envelope
			kit.CheckText(t, kit.Refused(t, m, nil), "Envelope", test.want, `"/"`)
		})
	}
	// Beside a payload of its own, an error's keys are free.
	kit.NewAppOf(t, &wsgate.Options{Envelope: wsgate.Envelope{Type: "code", Data: "data"}}, gatewayAt("/", speaking()))
}

type panickingEvents struct{}

func (*panickingEvents) Events() wsgate.Events[guest] {
	panic("no table today") // where Events panics
}

func TestEventsThatPanics(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", func() *panickingEvents { return &panickingEvents{} }), nil)
	kit.CheckText(t, text, "*wsgate_test.panickingEvents", "Events", "no table today", kit.At("where Events panics"))
}

func TestEmitOfNamesThatCannotBe(t *testing.T) {
	app := kit.NewAppOf(t, nil, gatewayAt("/", speaking()))
	for _, name := range []string{"", "error", "$x", "a\tb", strings.Repeat("x", 65)} {
		err := wsgate.Event[string](name).Emit(app.Hub().At("/"), "x")
		kit.CheckText(t, kit.WellFormed(t, err), "event ")
	}
}

func TestEmptyTableIsATable(t *testing.T) {
	app := kit.NewAppOf(t, nil, gatewayAt("/", speaking()))
	c := kit.Dial(t, app, "/")
	c.Say(`{"type":"x"}`)
	c.Hears(`{"type":"error","code":"unknown_event","message":"unknown event \"x\""}`)
}

// hiddenLine is a payload that has forgotten to export its fields.
type hiddenLine struct{ from, text string }

// JSON sees nothing of a struct whose fields are all unexported: New says so of what is bound, and Emit of what is sent.
func TestHiddenPayloads(t *testing.T) {
	_ = hiddenLine{"ann", "hello"}
	const line wsgate.Event[hiddenLine] = "line"
	bound := wsgate.On(line, ignore[hiddenLine]())                                             // hidden payload
	asked := wsgate.Answer(wsgate.Call[int, []hiddenLine]("lines"), know[int, []hiddenLine]()) // hidden answer
	text := kit.Refused(t, gatewayAt("/", speaking(bound, asked)), nil)
	kit.CheckText(t, text, `event "line": the JSON of payload wsgate_test.hiddenLine leaves out what it holds`, kit.At("hidden payload"),
		`event "lines": the JSON of payload []wsgate_test.hiddenLine leaves out what it holds`, kit.At("hidden answer"),
		"have wsgate_test.hiddenLine, all of whose fields are unexported", "fix: export them, as From with the tag `json:\"from\"`")

	// Also where payloads stand under a key of their own.
	kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(bound)), &wsgate.Options{Envelope: wsgate.Envelope{Data: "data"}}), "leaves out what it holds")

	app := kit.NewApp(t, nil, kit.RouteTo("/", &kit.MessageGateway{}))
	err := line.Emit(app.Hub(), hiddenLine{})
	kit.CheckText(t, kit.WellFormed(t, err), `event "line": the JSON of payload wsgate_test.hiddenLine leaves out what it holds`)
	if err := wsgate.Event[struct{}]("empty").Emit(app.Hub(), struct{}{}); err != nil {
		t.Error(err)
	}
}

const wrapped wsgate.Event[int] = "wrapped"

// bind is a wrapper, as a program has one to bind all of its handlers.
func bind[T any](e wsgate.Event[T], fn func(context.Context, *guestConn, T) error) wsgate.Binding[guest] {
	return wsgate.On(e, fn) // in bind
}

func bindTwice[T any](e wsgate.Event[T], fn func(context.Context, *guestConn, T) error) wsgate.Binding[guest] {
	return bind(e, fn) // in bindTwice
}

func handleInt(context.Context, *guestConn, int) error { return nil }

var (
	packageEntry   = bind(wrapped, handleInt)                                                // package-level entry
	packageLiteral = func() wsgate.Binding[guest] { return wsgate.On(wrapped, handleInt) }() // package-level literal
)

// entries is a gateway whose table calls a function.
type entries struct{ table func() wsgate.Events[guest] }

func (g *entries) Events() wsgate.Events[guest] {
	return g.table() // in Events
}

// wrappingTable is a gateway that binds by wrappers in its Events.
type wrappingTable struct{ twice bool }

func (g *wrappingTable) Events() wsgate.Events[guest] {
	own := func(e wsgate.Event[int]) wsgate.Binding[guest] { return wsgate.On(e, handleInt) } // own wrapper
	if g.twice {
		return wsgate.Events[guest]{
			bindTwice(wrapped, handleInt), // twice wrapped
			own(wrapped),                  // own entry
		}
	}
	return wsgate.Events[guest]{
		bind(wrapped, handleInt),                      // first wrapped
		wrapper.Bind[guest](wrapped, handleInt),       // wrapped elsewhere
		wrapper.BindMethod[guest](wrapped, handleInt), // wrapped by a method
	}
}

// generic is a gateway with type parameters.
type genericTable[T any] struct{}

func (g *genericTable[T]) Events() wsgate.Events[guest] {
	return wsgate.Events[guest]{
		bind(wrapped, handleInt), // first of generic
		bind(wrapped, handleInt), // second of generic
	}
}

// A mistake in a table names the line of its entry, also of one that is made by the program's own functions.
func TestEntriesBehindWrappers(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", func() *wrappingTable { return &wrappingTable{} }), nil)
	kit.CheckText(t, text,
		"the same name at "+kit.At("first wrapped")+" through "+kit.At("in bind"),
		"("+kit.At("wrapped elsewhere")+" through "+wrapperLine("in Bind")+")",
		"("+kit.At("wrapped by a method")+" through "+wrapperLine("in BindMethod")+" through "+wrapperLine("in bind")+")",
	)
	text = kit.Refused(t, gatewayAt("/", func() *wrappingTable { return &wrappingTable{twice: true} }), nil)
	kit.CheckText(t, text,
		"the same name at "+kit.At("twice wrapped")+" through "+kit.At("in bindTwice")+" through "+kit.At("in bind"),
		"("+kit.At("own entry")+" through "+kit.At("own wrapper")+")",
	)
	text = kit.Refused(t, gatewayAt("/", func() *genericTable[string] { return &genericTable[string]{} }), nil)
	kit.CheckText(t, text, "("+kit.At("second of generic")+" through "+kit.At("in bind")+")", "at "+kit.At("first of generic")+" through")
}

func TestEntriesOfTablesMadeElsewhere(t *testing.T) {
	helper := func() wsgate.Events[guest] {
		return wsgate.Events[guest]{
			wsgate.On(wrapped, handleInt), // helper's first
			wsgate.On(wrapped, handleInt), // helper's second
		}
	}
	text := kit.Refused(t, gatewayAt("/", func() *entries { return &entries{helper} }), nil)
	kit.CheckText(t, text, "("+kit.At("in Events")+" through "+kit.At("helper's second")+")", kit.At("helper's first"))

	text = kit.Refused(t, gatewayAt("/", speaking(packageEntry, packageLiteral)), nil)
	kit.CheckText(t, text, "at "+kit.At("package-level entry")+" through "+kit.At("in bind"), "("+kit.At("package-level literal"))

	construct := func() *table {
		return &table{wsgate.Events[guest]{packageEntry, bind(wrapped, handleInt)}} // in a constructor
	}
	text = kit.Refused(t, gatewayAt("/", construct), nil)
	kit.CheckText(t, text, "("+kit.At("in a constructor")+" through "+kit.At("in bind")+")")
}

// However deep the program's functions are, a few lines are enough.
func TestEntriesBehindManyFunctions(t *testing.T) {
	var deep func(n int) wsgate.Binding[guest]
	deep = func(n int) wsgate.Binding[guest] {
		if n == 0 {
			return wsgate.On(wrapped, handleInt) // at the bottom
		}
		return deep(n - 1) // on the way
	}
	bottom := func() wsgate.Events[guest] { return wsgate.Events[guest]{deep(100), deep(100)} }
	text := kit.Refused(t, gatewayAt("/", func() *entries { return &entries{bottom} }), nil)
	way := kit.At("on the way") + " through "
	kit.CheckText(t, text, "("+way+way+way+kit.At("at the bottom")+")")
}

// wrapperLine returns the file:line in the other package of the line that ends with the comment.
func wrapperLine(comment string) string {
	file := filepath.Join("internal", "test", "wrapper", "wrapper.go")
	source, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	for i, line := range strings.Split(string(source), "\n") {
		if strings.HasSuffix(line, "// "+comment) {
			return fmt.Sprintf("%s:%d", file, i+1)
		}
	}
	panic("no " + comment)
}
