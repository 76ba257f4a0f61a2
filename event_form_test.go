package wsgate_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// card is a payload as most applications have them: with a field that has the name of one of the envelope's keys.
type card struct {
	ID    int    `json:"id"`
	Title string `json:"title,omitempty"`
}

// The form of a payload is its type's affair, and not its value's: in both directions, of events, of questions and of
// their answers.
func TestPayloadsWithFieldsOfTheEnvelope(t *testing.T) {
	c := kit.Speak(t, kit.Echo[card]("card"), kit.Echo[*card]("*card"), kit.Echo[chatLine]("line"), kit.Echo[map[string]int]("map"), kit.Echo[struct{}]("none"),
		kit.Give("all", []card{{7, "x"}}), kit.Push("added", card{7, "x"}), kit.Push("said", chatLine{"ann", "hi"}))
	for _, test := range []struct{ sent, want string }{
		{`{"type":"card","id":1,"data":{"id":7,"title":"x"}}`, `{"type":"card","id":1,"data":{"id":7,"title":"x"}}`},
		{`{"type":"card","id":1,"data":{"title":"x"}}`, `{"type":"card","id":1,"data":{"id":0,"title":"x"}}`},
		{`{"type":"card","id":1,"data":{}}`, `{"type":"card","id":1,"data":{"id":0}}`},
		{`{"type":"card","id":1,"data":null}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of card is null, want an object"}`},
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
		c.Asks(test.sent, test.want)
	}
	c.Logged(0)

	// Which keys are the envelope's depends on the route.
	renamed := kit.SpeakIn(t, wsgate.Envelope{Type: "action", ID: "title"}, kit.Echo[card]("card"), kit.Echo[struct {
		ID int `json:"id"`
	}]("bare"))
	renamed.Asks(`{"action":"card","title":1,"data":{"id":7,"title":"x"}}`, `{"action":"card","title":1,"data":{"id":7,"title":"x"}}`)
	renamed.Asks(`{"action":"bare","title":1,"id":7}`, `{"action":"bare","title":1,"id":7}`)
}

// One event for everybody has the form of each route.
func TestEmitOfFieldsOfTheEnvelopeToSeveralRoutes(t *testing.T) {
	named := kit.RouteTo("/named", &kit.EventGateway{})
	named.Envelope = wsgate.Envelope{Type: "event", ID: "ref"}
	nested := kit.RouteTo("/nested", &kit.EventGateway{})
	nested.Envelope = wsgate.Envelope{Type: "action", Data: "body"}
	app := kit.NewApp(t, nil, kit.RouteTo("/flat", &kit.EventGateway{}), named, nested)
	a, b, c := kit.Dialed(t, app, "/flat"), kit.Dialed(t, app, "/named"), kit.Dialed(t, app, "/nested")
	if err := wsgate.Event[card]("added").Emit(app.Hub(), card{7, "x"}); err != nil {
		t.Fatal(err)
	}
	a.Hears(`{"type":"added","data":{"id":7,"title":"x"}}`)
	b.Hears(`{"event":"added","id":7,"title":"x"}`)
	c.Hears(`{"action":"added","body":{"id":7,"title":"x"}}`)
}

// In the nested form a payload that stands beside the event's name was meant for the flat one.
func TestFlatPayloadsInTheNestedForm(t *testing.T) {
	c := kit.SpeakIn(t, wsgate.Envelope{Type: "event", Data: "data"}, kit.Echo[chatLine]("line"), kit.Echo[*chatLine]("*line"), kit.Echo[composed]("composed"),
		kit.Echo[map[string]int]("map"), kit.Echo[struct{}]("none"), kit.Echo[string]("string"), kit.Echo[pair]("pair"), kit.Echo[any]("any"))
	const flat = `{"event":"error","id":1,"data":{"code":"invalid","message":"the payload of %s stands under \"data\", not beside \"event\""}}`
	const missing = `{"event":"error","id":1,"data":{"code":"invalid","message":"the payload of %s is missing"}}`
	for _, test := range []struct{ sent, want string }{
		{`{"event":"line","id":1,"text":"x"}`, fmt.Sprintf(flat, "line")},
		{`{"event":"line","id":1,"TEXT":"x"}`, fmt.Sprintf(flat, "line")},
		{`{"text":"x","id":1,"event":"*line","more":1}`, fmt.Sprintf(flat, "*line")},
		{`{"event":"composed","id":1,"limit":1}`, fmt.Sprintf(flat, "composed")}, // of an embedded struct
		{`{"event":"map","id":1,"a":1}`, fmt.Sprintf(flat, "map")},

		// An object may have no fields. What no payload has is ignored.
		{`{"event":"line","id":1}`, `{"event":"line","id":1,"data":{"from":"","text":""}}`},
		{`{"event":"line","id":1,"type":"x","trace":"y"}`, `{"event":"line","id":1,"data":{"from":"","text":""}}`},
		{`{"event":"line","id":1,"data":{"text":"a"},"text":"b"}`, `{"event":"line","id":1,"data":{"from":"","text":"a"}}`},
		{`{"event":"*line","id":1,"data":null,"text":"b"}`, `{"event":"*line","id":1,"data":null}`},
		{`{"event":"map","id":1}`, `{"event":"map","id":1,"data":{}}`},
		{`{"event":"map","id":1,"data":{"a":1},"trace":1}`, `{"event":"map","id":1,"data":{"a":1}}`},
		{`{"event":"none","id":1,"trace":"y"}`, `{"event":"none","id":1,"data":{}}`},
		{`{"event":"string","id":1,"text":"x"}`, fmt.Sprintf(missing, "string")},
		{`{"event":"pair","id":1,"a":1}`, fmt.Sprintf(missing, "pair")}, // decodes itself: its fields are unknown
		{`{"event":"any","id":1,"a":1}`, `{"event":"any","id":1}`},
	} {
		c.Asks(test.sent, test.want)
	}
	c.Logged(0)
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
		bound wsgate.Binding[kit.Data]
		want  string // behind the id
	}{
		{kit.Give("x", withType{"a"}), `"data":{"Type":"a"}`},
		{kit.Give("x", &withType{"a"}), `"data":{"Type":"a"}`},
		{kit.Give("x", withTagged{"a"}), `"data":{"type":"a"}`},
		{kit.Give("x", withCase{"a"}), `"data":{"TyPe":"a"}`},
		{kit.Give("x", withID{1}), `"data":{"Id":1}`},
		{kit.Give("x", withData{nil}), `"data":{"Data":null}`},
		{kit.Give("x", withEmpty{}), `"data":{}`}, // by the type, not by the value
		{kit.Give("x", withEmpty{1}), `"data":{"ID":1}`},
		{kit.Give("x", embedded{}), `"data":{"Room":"","type":""}`},
		{kit.Give("x", embeddedPointer{}), `"data":{"Room":""}`},
		{kit.Give("x", embeddedValue{}), `"data":{"ID":""}`},
		{kit.Give("x", deepEmbedded{}), `"data":{"Room":"","type":""}`},
		{kit.Give("x", recursive{}), `"data":{"Data":0}`},
		{kit.Give("x", struct{ TYPE int }{}), `"data":{"TYPE":0}`},

		{kit.Give("x", hiddenType{}), `"number":0`},
		{kit.Give("x", nestedType{}), `"Inner":{"Type":""}`},
		{kit.Give("x", namedAnon{}), `"inner":{"type":""}`},
		{kit.Give("x", []withType{{"a"}}), `"data":[{"Type":"a"}]`},
		{kit.Give("x", map[string]withType{"a": {}}), `"a":{"Type":""}`},
		{kit.Give("x", marshalled{}), `"data":"text"`},
		{kit.Give("x", textual{}), `"data":"text"`},
		{kit.Give("x", time.Time{}), `"data":"0001-01-01T00:00:00Z"`},
	} {
		kit.Speak(t, test.bound).Asks(`{"type":"x","id":1}`, `{"type":"x","id":1,`+test.want+`}`)
	}
}
