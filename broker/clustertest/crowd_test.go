package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// What clients can say to a crowd, and what they hear.
const (
	join    wsgate.Event[string]                  = "join"  // a room
	leave   wsgate.Event[string]                  = "leave" // a room
	say     wsgate.Call[line, spoken]             = "say"
	who     wsgate.Call[string, []string]         = "who" // is in the room
	heard   wsgate.Event[line]                    = "heard"
	present wsgate.Event[wsgate.Presence[string]] = "present"
)

// line is what a client says in a room. From is its connection, which counts its lines.
type line struct {
	Room    string `json:"room"`
	From    string `json:"from"`
	Seq     int    `json:"seq"`
	Padding string `json:"padding,omitempty"`
}

// spoken is how a line went out.
type spoken struct {
	Away bool          `json:"away"` // Emit returned ErrBroker
	Took time.Duration `json:"took"`
}

// member is what a connection belongs to: a user, or nobody.
type member struct{ user string }

func (m member) UserID() string { return m.user }

type conn = wsgate.Conn[member]

// crowd is the gateway of all nodes.
type crowd struct {
	name string       // of the node, which is the metadata of its users
	slow atomic.Int64 // connections that ended with ErrSlowClient
}

func (*crowd) OnUpgrade(r *http.Request) (member, error) { return member{r.FormValue("user")}, nil }

func (g *crowd) Events() wsgate.Events[member] {
	return wsgate.Events[member]{
		wsgate.Track(present, func(*conn, string) (string, bool) { return g.name, true }),
		wsgate.On(join, func(_ context.Context, c *conn, room string) error { return c.Join(room) }),
		wsgate.On(leave, func(_ context.Context, c *conn, room string) error { c.Leave(room); return nil }),
		wsgate.Answer(say, func(_ context.Context, c *conn, l line) (spoken, error) {
			begin := time.Now()
			err := heard.Emit(c.Room(l.Room), l)
			s := spoken{errors.Is(err, wsgate.ErrBroker), time.Since(begin)}
			if s.Away {
				err = nil
			}
			return s, err
		}),
		wsgate.Answer(who, func(ctx context.Context, c *conn, room string) ([]string, error) {
			members, err := wsgate.Members[string](ctx, c.Room(room))
			return slices.Sorted(maps.Keys(members)), err
		}),
	}
}

func (g *crowd) OnClose(_ context.Context, _ *conn, err error) {
	if errors.Is(err, wsgate.ErrSlowClient) {
		g.slow.Add(1)
	}
}

// grace is how long users of a crowd stay who have no connection.
const grace = 200 * time.Millisecond

// module is a crowd on the path "/".
func (g *crowd) module() *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *crowd { return g }}}}
}

// options are those of a node that has the broker.
func options(b wsgate.Broker) *wsgate.Options {
	return &wsgate.Options{
		Broker: b, Envelope: wsgate.Envelope{Data: "data"},
		Logger: quiet,
		Limits: wsgate.Limits{QueueBytes: 16 << 20, QueueMessages: 1 << 16, PresenceGrace: grace},
	}
}

// counters are what a node has counted. All are zero while nothing is wrong.
type counters struct {
	Ignored uint64 `json:"ignored"`
	Dropped uint64 `json:"dropped"`
	Slow    int64  `json:"slow"`
}

// newApp returns the App of a node.
func newApp(name string, b broker, o *wsgate.Options) (*wsgate.App, error) {
	g := &crowd{name: name}
	app, err := wsgate.New(g.module(), o)
	if err != nil {
		return nil, err
	}
	count := func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(counters{kit.Ignored(app), b.Dropped(), g.slow.Load()})
	}
	return app, errors.Join(
		app.Handle("GET /readyz", http.HandlerFunc(app.ServeReady)),
		app.Handle("GET /counters", http.HandlerFunc(count)),
	)
}
