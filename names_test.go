package wsgate_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// writtenNames are names as people write them, with characters that show nothing by themselves.
var writtenNames = map[string]string{
	"a non-joiner, as in Persian":       "می\u200cخواهم",
	"a joiner, as in Hindi":             "क्\u200dष",
	"a family":                          "👨\u200d👩\u200d👧\u200d👦",
	"the flag of Scotland, of tags":     "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
	"an ideographic space":              "山田\u3000太郎",
	"a space that does not break":       "Jean\u00a0Paul",
	"a mark of direction":               "\u200fשרה",
	"a soft hyphen":                     "Donau\u00addampf",
	"a variation selector":              "葛\U000e0100城",
	"a character of one's own font":     "\ue000",
	"a character newer than this Go":    "\U000323b0",
	"a zero-width no-break space":       "\ufeffa",
	"a letter and its accent apart":     "e\u0301",
	"nothing but characters unseen":     "\u2063\u200b",
	"the character for what is unknown": "\ufffd",
}

// brokenNames are what no name may hold.
var brokenNames = map[string]string{
	"NUL": "a\x00b", "a line feed": "a\nb", "a tab": "a\tb", "an escape": "\x1b[2J", "DEL": "\x7f", "NEL, of C1": "a\u0085b",
	"a line separator": "a\u2028b", "a paragraph separator": "a\u2029b", "no UTF-8": "a\xff", "a surrogate": "\xed\xa0\x80",
}

// A name as people write it serves as the name of a room, an event, a user and the envelope's keys, all the way.
func TestNamesAsPeopleWriteThem(t *testing.T) {
	for what, name := range writtenNames {
		kit.Bubble(t, what, func(t *testing.T) {
			say, ask := wsgate.Event[string](name), wsgate.Call[string, []string](name+"?")
			who := wsgate.Event[wsgate.Presence[string]]("who")
			table := wsgate.Events[withName]{
				wsgate.On(say, func(_ context.Context, c *wsgate.Conn[withName], text string) error {
					return say.Emit(c.Room("user/"+name), text)
				}),
				wsgate.Answer(ask, func(_ context.Context, c *wsgate.Conn[withName], room string) ([]string, error) {
					err := c.Join(room)
					return c.Rooms(), err
				}),
				wsgate.Track(who, func(c *wsgate.Conn[withName], room string) (string, bool) { return room, true }),
			}
			m := &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *byName { return &byName{name, table} }}}}
			c := wstest.New(t, m).Dial("/")
			rooms := wstest.Ask(c, ask, "user/"+name)
			if !slices.Equal(rooms, []string{"user/" + name}) {
				t.Errorf("joined %+q", rooms)
			}
			if here := wstest.Next(c, who).Here; here[name] != "user/"+name {
				t.Errorf("there are %+q", here)
			}
			wstest.Send(c, say, name)
			if got := wstest.Next(c, say); got != name {
				t.Errorf("got %+q", got)
			}
			kit.NewAppOf(t, &wsgate.Options{Envelope: wsgate.Envelope{Type: name}}, gatewayAt("/", speaking()))
		})
	}
}

func TestNamesThatNobodyWrites(t *testing.T) {
	for what, name := range brokenNames {
		t.Run(what, func(t *testing.T) {
			const why = "it has control characters or line breaks, or is not valid UTF-8"
			bound := wsgate.On(wsgate.Event[string](name), ignore[string]())
			kit.CheckText(t, kit.Refused(t, gatewayAt("/", speaking(bound)), nil), why)
			app := kit.NewAppOf(t, nil, gatewayAt("/", speaking()))
			kit.CheckText(t, kit.WellFormed(t, wsgate.Event[string](name).Emit(app.Hub().At("/"), "x")), why)
			text := kit.Refused(t, gatewayAt("/", speaking()), &wsgate.Options{Envelope: wsgate.Envelope{Type: name}})
			kit.CheckText(t, text, "Envelope", "has control characters or line breaks, or is not valid UTF-8")
		})
	}
}

type withName struct{ id string }

func (n withName) UserID() string { return n.id }

// byName serves a user who has the name.
type byName struct {
	name  string
	table wsgate.Events[withName]
}

func (g *byName) OnUpgrade(*http.Request) (withName, error) { return withName{g.name}, nil }
func (g *byName) Events() wsgate.Events[withName]           { return g.table }
