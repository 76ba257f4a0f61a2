package nodes_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// rawGateway tracks users with whatever metadata they bring, and tells what Join returned.
type rawGateway struct{ joined chan error }

const rawPeople wsgate.Event[wsgate.Presence[json.RawMessage]] = "people"

func (rawGateway) OnUpgrade(r *http.Request) (visitor, error) {
	return visitor{r.FormValue("id"), r.FormValue("name")}, nil
}

func (g rawGateway) Events() wsgate.Events[visitor] {
	return wsgate.Events[visitor]{
		wsgate.Track(rawPeople, func(c *visitorConn, _ string) (json.RawMessage, bool) { return json.RawMessage(c.Data.Name), true }),
		wsgate.On(enter, func(_ context.Context, c *visitorConn, room string) error {
			g.joined <- c.Join(room)
			return nil
		}),
	}
}

// Metadata that could not be told to others keeps its user out of the room, and costs nobody else anything.
func TestPresenceRefusesMetadata(t *testing.T) {
	for _, test := range []struct{ name, meta, want string }{
		{"no JSON", `{`, "unexpected end"},
		{"no UTF-8", "%22%ff%22", "UTF-8"},
		{"too large", `%22` + strings.Repeat("x", 4<<10) + `%22`, "4098 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := rawGateway{make(chan error, 1)}
				app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() rawGateway { return g }}}})
				join := func(query string) (*wstest.Client, error) {
					c := app.Dial("/ws?" + query)
					wstest.Do(c, enter, "lobby")
					return c, <-g.joined
				}
				ann, err := join("id=ann&name={}")
				if err != nil {
					t.Fatal(err)
				}
				wstest.Pass(time.Second)
				wstest.Drain(ann)
				_, err = join("id=bob&name=" + test.meta)
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `"people"`) {
					t.Errorf("Join returned %v, want an error about %q with the event", err, test.want)
				}
				if large := test.name == "too large"; errors.Is(err, wsgate.ErrLimit) != large {
					t.Errorf("Join returned %v; ErrLimit: want %t", err, large)
				}
				if _, err := join("id=cleo&name={}"); err != nil {
					t.Error(err)
				}
				wstest.Pass(time.Second)
				if got := wstest.Next(ann, rawPeople); got.Count != 2 || got.Here["cleo"] == nil || len(got.Here) != 1 {
					t.Errorf("ann heard %+v, want that cleo came", got)
				}
				wstest.Quiet(ann)
			})
		})
	}
}
