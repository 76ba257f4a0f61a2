package clustertest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// visitor is the data of a session that ends.
type visitor struct{ name, role string }

func (v visitor) UserID() string     { return v.name }
func (visitor) ExpiresAt() time.Time { return time.Now().Add(time.Hour) }

const roleOf wsgate.Call[struct{}, string] = "role"

// registry knows the roles of users. Whoever has none is not logged in.
type registry struct {
	mu    sync.Mutex // guards following
	roles map[string]string
}

func (g *registry) set(name, role string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roles[name] = role
}

func (g *registry) find(name string) (visitor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.roles[name] == "" {
		return visitor{}, wsgate.Errorf(wsgate.Unauthenticated, "log in")
	}
	return visitor{name, g.roles[name]}, nil
}

func (g *registry) OnUpgrade(r *http.Request) (visitor, error) { return g.find(r.FormValue("user")) }

func (g *registry) OnRefresh(_ context.Context, c *wsgate.Conn[visitor], token string) (visitor, error) {
	if token != "" {
		return visitor{}, wsgate.Errorf(wsgate.Unauthenticated, "no tokens")
	}
	return g.find(c.Data.name)
}

func (g *registry) Events() wsgate.Events[visitor] {
	return wsgate.Events[visitor]{wsgate.Answer(roleOf, func(_ context.Context, c *wsgate.Conn[visitor], _ struct{}) (string, error) {
		return c.Data.role, nil
	})}
}

// A node tells whether a user is connected to any node, and has the sessions of a user renewed on all of them.
func TestSessionsOfUsers(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		users := &registry{roles: map[string]string{"ann": "guest", "bob": "guest"}}
		var apps []*wstest.App
		for range 2 {
			m := &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *registry { return users }}}}
			apps = append(apps, wstest.New(t, m, wstest.With(options(s.connect(t))), wstest.Timeout(patience)))
		}
		ann, bob := apps[1].Dial("/?user=ann"), apps[0].Dial("/?user=bob")
		for name, want := range map[string]bool{"ann": true, "bob": true, "cleo": false} {
			for i, app := range apps {
				if got, err := app.Hub().User(name).Online(t.Context()); got != want || err != nil {
					t.Errorf("%s is online, says %s: %v, %v; want %v", name, nodeName(i), got, err, want)
				}
			}
		}

		users.set("ann", "admin")
		if err := apps[0].Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); wstest.Ask(ann, roleOf, struct{}{}) != "admin"; {
			if time.Now().After(end) {
				t.Fatal("ann's session was not renewed")
			}
			<-time.After(10 * time.Millisecond)
		}
		if got := wstest.Ask(bob, roleOf, struct{}{}); got != "guest" {
			t.Errorf("bob is %q", got)
		}
		wantUncounted(t, apps)
	})
}
