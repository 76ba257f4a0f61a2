package wsgate_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// card is a payload as most applications have them: with a field that has the name of one of the envelope's keys.
type card struct {
	ID    int    `json:"id"`
	Title string `json:"title,omitempty"`
}

// The form of a payload is its type's affair, and not its value's: in both directions, of events, of questions and of
// their answers.
func TestPayloadsWithFieldsOfTheEnvelope(t *testing.T) {
	c := speak(t, echo[card]("card"), echo[*card]("*card"), echo[chatLine]("line"), echo[map[string]int]("map"), echo[struct{}]("none"),
		give("all", []card{{7, "x"}}), push("added", card{7, "x"}), push("said", chatLine{"ann", "hi"}))
	for _, test := range []struct{ sent, want string }{
		{`{"type":"card","id":1,"data":{"id":7,"title":"x"}}`, `{"type":"card","id":1,"data":{"id":7,"title":"x"}}`},
		{`{"type":"card","id":1,"data":{"title":"x"}}`, `{"type":"card","id":1,"data":{"id":0,"title":"x"}}`},
		{`{"type":"card","id":1,"data":{}}`, `{"type":"card","id":1,"data":{"id":0}}`},
		{`{"type":"card","id":1,"data":null}`, `{"type":"card","id":1,"data":{"id":0}}`},
		{`{"type":"card","id":1}`, `{"type":"card","id":1,"data":{"id":0}}`},
		{`{"type":"card","id":1,"trace":"x"}`, `{"type":"card","id":1,"data":{"id":0}}`},
		{`{"type":"*card","id":1,"data":{"id":7}}`, `{"type":"*card","id":1,"data":{"id":7}}`},
		{`{"type":"*card","id":1}`, `{"type":"*card","id":1,"data":null}`},
		{`{"type":"all","id":1}`, `{"type":"all","id":1,"data":[{"id":7,"title":"x"}]}`},
		{`{"type":"push added"}`, `{"type":"added","data":{"id":7,"title":"x"}}`},
		{`{"type":"push said"}`, `{"type":"said","from":"ann","text":"hi"}`},

		// Beside "type" its id could not be told from the message's.
		{`{"type":"card","id":7,"title":"x"}`, `{"type":"error","id":7,"code":"invalid","message":"the payload of card stands under \"data\", not beside \"type\""}`},
		{`{"type":"*card","TITLE":"x"}`, `{"type":"error","code":"invalid","message":"the payload of *card stands under \"data\", not beside \"type\""}`},
		{`{"type":"card","id":1,"data":{"id":"x"}}`, `{"type":"error","id":1,"code":"invalid","message":"id is a string, want a number"}`},

		// A client that knows no types puts an object under "data" if it has such a key, and is right with any struct.
		{`{"type":"line","id":1,"data":{"id":7,"text":"x"}}`, `{"type":"line","id":1,"from":"","text":"x"}`},
		{`{"type":"line","id":1,"data":{"TYPE":7,"text":"x"}}`, `{"type":"line","id":1,"from":"","text":"x"}`},
		{`{"type":"line","id":1,"data":{"from":"x","text":7,"id":3}}`, `{"type":"error","id":1,"code":"invalid","message":"text is a number, want a string"}`},
		{`{"type":"line","id":1,"data":{"text":"x"}}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of line stands beside \"type\", not under \"data\""}`},
		{`{"type":"map","id":1,"data":{"a":7}}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of map stands beside \"type\", not under \"data\""}`},
		{`{"type":"map","id":1,"data":{"a":1,"ID":7}}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of map must not have the keys \"type\", \"id\" and \"data\""}`},
		{`{"type":"none","id":1,"data":{"id":7}}`, `{"type":"none","id":1}`},
	} {
		c.asks(test.sent, test.want)
	}
	c.logged(0)

	// Which keys are the envelope's depends on the route.
	renamed := speakIn(t, wsgate.Envelope{Type: "action", ID: "title"}, echo[card]("card"), echo[struct {
		ID int `json:"id"`
	}]("bare"))
	renamed.asks(`{"action":"card","title":1,"data":{"id":7,"title":"x"}}`, `{"action":"card","title":1,"data":{"id":7,"title":"x"}}`)
	renamed.asks(`{"action":"bare","title":1,"id":7}`, `{"action":"bare","title":1,"id":7}`)
}

// One event for everybody has the form of each route.
func TestEmitOfFieldsOfTheEnvelopeToSeveralRoutes(t *testing.T) {
	named := routeTo("/named", &eventGateway{})
	named.Envelope = wsgate.Envelope{Type: "event", ID: "ref"}
	nested := routeTo("/nested", &eventGateway{})
	nested.Envelope = wsgate.Envelope{Type: "action", Data: "body"}
	app := newApp(t, nil, routeTo("/flat", &eventGateway{}), named, nested)
	a, b, c := dialed(t, app, "/flat"), dialed(t, app, "/named"), dialed(t, app, "/nested")
	if err := wsgate.Event[card]("added").Emit(app.Hub(), card{7, "x"}); err != nil {
		t.Fatal(err)
	}
	a.hears(`{"type":"added","data":{"id":7,"title":"x"}}`)
	b.hears(`{"event":"added","id":7,"title":"x"}`)
	c.hears(`{"action":"added","body":{"id":7,"title":"x"}}`)
}

// In the nested form a payload that stands beside the event's name was meant for the flat one.
func TestFlatPayloadsInTheNestedForm(t *testing.T) {
	c := speakIn(t, wsgate.Envelope{Type: "event", Data: "data"}, echo[chatLine]("line"), echo[*chatLine]("*line"), echo[composed]("composed"),
		echo[map[string]int]("map"), echo[struct{}]("none"), echo[string]("string"), echo[pair]("pair"), echo[any]("any"))
	const flat = `{"event":"error","id":1,"data":{"code":"invalid","message":"the payload of %s stands under \"data\", not beside \"event\""}}`
	for _, test := range []struct{ sent, want string }{
		{`{"event":"line","id":1,"text":"x"}`, fmt.Sprintf(flat, "line")},
		{`{"event":"line","id":1,"TEXT":"x"}`, fmt.Sprintf(flat, "line")},
		{`{"text":"x","id":1,"event":"*line","more":1}`, fmt.Sprintf(flat, "*line")},
		{`{"event":"composed","id":1,"limit":1}`, fmt.Sprintf(flat, "composed")}, // of an embedded struct
		{`{"event":"map","id":1,"a":1}`, fmt.Sprintf(flat, "map")},

		// No payload is the zero value, and what no payload has is ignored.
		{`{"event":"line","id":1}`, `{"event":"line","id":1,"data":{"from":"","text":""}}`},
		{`{"event":"line","id":1,"type":"x","trace":"y"}`, `{"event":"line","id":1,"data":{"from":"","text":""}}`},
		{`{"event":"line","id":1,"data":{"text":"a"},"text":"b"}`, `{"event":"line","id":1,"data":{"from":"","text":"a"}}`},
		{`{"event":"*line","id":1,"data":null,"text":"b"}`, `{"event":"*line","id":1,"data":null}`},
		{`{"event":"map","id":1}`, `{"event":"map","id":1,"data":null}`},
		{`{"event":"map","id":1,"data":{"a":1},"trace":1}`, `{"event":"map","id":1,"data":{"a":1}}`},
		{`{"event":"none","id":1,"trace":"y"}`, `{"event":"none","id":1,"data":{}}`},
		{`{"event":"string","id":1,"text":"x"}`, `{"event":"string","id":1,"data":""}`},
		{`{"event":"pair","id":1,"a":1}`, `{"event":"pair","id":1,"data":{"a":0,"b":0}}`}, // decodes itself: its fields are unknown
		{`{"event":"any","id":1,"a":1}`, `{"event":"any","id":1}`},
	} {
		c.asks(test.sent, test.want)
	}
	c.logged(0)
}

type (
	withType   struct{ Type string }
	withTagged struct {
		Kind string `json:"type"`
	}
	withCase struct {
		Kind string `json:"TyPe"`
	}
	withID    struct{ Id int }
	withData  struct{ Data any }
	withEmpty struct {
		ID int `json:",omitempty"`
	}
	embedded struct {
		Room string
		withTagged
	}
	embeddedPointer struct {
		Room string
		*withID
	}
	ID            string
	embeddedValue struct{ ID }
	deepEmbedded  struct{ embedded }
	recursive     struct {
		//lint:ignore U1000 its fields count
		*recursive
		Data int
	}

	hiddenType struct {
		Type string `json:"-"`
		ID   int    `json:"number"`
		data int
	}
	nestedType struct{ Inner withType }
	namedAnon  struct {
		withTagged `json:"inner"`
	}
	marshalled struct{ Type string }
	textual    struct{ ID string }
)

func (marshalled) MarshalJSON() ([]byte, error) { return json.Marshal("text") }
func (textual) MarshalText() ([]byte, error)    { return []byte("text"), nil }

// Which payloads stand under "data": those with a field that encoding/json knows by one of the names, in whatever case.
func TestFormOfEachType(t *testing.T) {
	_ = hiddenType{}.data
	for _, test := range []struct {
		bound wsgate.Binding[testData]
		want  string // behind the id
	}{
		{give("x", withType{"a"}), `"data":{"Type":"a"}`},
		{give("x", &withType{"a"}), `"data":{"Type":"a"}`},
		{give("x", withTagged{"a"}), `"data":{"type":"a"}`},
		{give("x", withCase{"a"}), `"data":{"TyPe":"a"}`},
		{give("x", withID{1}), `"data":{"Id":1}`},
		{give("x", withData{nil}), `"data":{"Data":null}`},
		{give("x", withEmpty{}), `"data":{}`}, // by the type, not by the value
		{give("x", withEmpty{1}), `"data":{"ID":1}`},
		{give("x", embedded{}), `"data":{"Room":"","type":""}`},
		{give("x", embeddedPointer{}), `"data":{"Room":""}`},
		{give("x", embeddedValue{}), `"data":{"ID":""}`},
		{give("x", deepEmbedded{}), `"data":{"Room":"","type":""}`},
		{give("x", recursive{}), `"data":{"Data":0}`},
		{give("x", struct{ TYPE int }{}), `"data":{"TYPE":0}`},

		{give("x", hiddenType{}), `"number":0`},
		{give("x", nestedType{}), `"Inner":{"Type":""}`},
		{give("x", namedAnon{}), `"inner":{"type":""}`},
		{give("x", []withType{{"a"}}), `"data":[{"Type":"a"}]`},
		{give("x", map[string]withType{"a": {}}), `"a":{"Type":""}`},
		{give("x", marshalled{}), `"data":"text"`},
		{give("x", textual{}), `"data":"text"`},
		{give("x", time.Time{}), `"data":"0001-01-01T00:00:00Z"`},
	} {
		speak(t, test.bound).asks(`{"type":"x","id":1}`, `{"type":"x","id":1,`+test.want+`}`)
	}
}

// What Track tells has fields of its own.
func TestPresenceWithFieldsOfTheEnvelope(t *testing.T) {
	for typ, want := range map[string]string{
		"kind": `{"kind":"people","room":"r","all":true,"here":{"ann":{"name":"ANN"}},"count":1}`,
		"room": `{"room":"people","data":{"room":"r","all":true,"here":{"ann":{"name":"ANN"}},"count":1}}`,
	} {
		app := startVisitors(t, nil, 1, func(o *wsgate.Options) { o.Envelope.Type = typ })[0]
		if got := arrive(app, "ann", "r").NextText(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wantNews(t, arrive(app, "bob", "r"), "all +ann:ANN +bob:BOB =2")
	}
}
