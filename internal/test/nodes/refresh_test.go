package nodes_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// citizen is the data of a session that ends.
type citizen struct {
	name, role string
	end        time.Time
}

func (c citizen) UserID() string       { return c.name }
func (c citizen) ExpiresAt() time.Time { return c.end }

const role wsgate.Call[struct{}, string] = "role"

// town has a register of roles, in which somebody without one is not logged in.
type town struct{ roles map[string]string }

func (g *town) OnUpgrade(r *http.Request) (citizen, error) { return g.find(r.FormValue("name")) }

func (g *town) OnRefresh(_ context.Context, c *wsgate.Conn[citizen], token string) (citizen, error) {
	if token != "" {
		return citizen{}, wsgate.Errorf(wsgate.Unauthenticated, "no tokens")
	}
	return g.find(c.Data.name)
}

func (g *town) find(name string) (citizen, error) {
	if g.roles[name] == "" {
		return citizen{}, wsgate.Errorf(wsgate.Unauthenticated, "log in")
	}
	return citizen{name, g.roles[name], time.Now().Add(time.Hour)}, nil
}

func (g *town) Events() wsgate.Events[citizen] {
	return wsgate.Events[citizen]{wsgate.Answer(role, func(_ context.Context, c *wsgate.Conn[citizen], _ struct{}) (string, error) {
		return c.Data.role, nil
	})}
}

// startTowns starts Apps on one engine that share a register.
func startTowns(t *testing.T, engine *local.Broker, count int) (roles map[string]string, apps []*wstest.App) {
	t.Helper()
	roles = map[string]string{"ann": "guest", "bob": "guest"}
	for range count {
		m := &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/ws", &town{roles}), kit.RouteTo("/other", &town{roles}), kit.RouteTo("/plain", &nodeGateway{})}}
		apps = append(apps, wstest.New(t, m, wstest.With(&wsgate.Options{Broker: kit.NewBroker(t, engine)})))
	}
	wstest.Pass(0)
	return roles, apps
}

func wantRole(t *testing.T, c *wstest.Client, want string) {
	t.Helper()
	if got := wstest.Ask(c, role, struct{}{}); got != want {
		t.Errorf("got role %q, want %q", got, want)
	}
	wstest.Quiet(c)
}

// Refresh renews the connections of a user on all nodes, and those of nobody else.
func TestRefreshAcrossNodes(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		roles, apps := startTowns(t, new(local.Broker), 3)
		anns := []*wstest.Client{apps[0].Dial("/ws?name=ann"), apps[1].Dial("/ws?name=ann"), apps[1].Dial("/other?name=ann"), apps[2].Dial("/other?name=ann")}
		bob := apps[1].Dial("/ws?name=bob")
		plain := apps[1].Dial("/plain?name=ann")

		roles["ann"], roles["bob"] = "admin", "admin"
		if err := apps[2].Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		wstest.Pass(time.Second)
		for _, c := range anns {
			wantRole(t, c, "admin")
		}
		wantRole(t, bob, "guest")

		delete(roles, "ann")
		if err := apps[0].Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		for _, c := range anns {
			if left := wstest.NextExpiring(c); left != 0 {
				t.Errorf("%v left", left)
			}
			wstest.ExpectClose(c, wsgate.StatusExpired)
		}
		wstest.Quiet(bob, plain)

		if err := apps[0].Hub().Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		wstest.Pass(31 * time.Second)
		wantRole(t, bob, "admin")
		for i, app := range apps {
			if n := kit.Ignored(app); n != 0 {
				t.Errorf("node %d ignored %d messages", i, n)
			}
		}
	})
}

// Online tells of connections on all nodes.
func TestOnlineAcrossNodes(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		_, apps := startTowns(t, engine, 3)
		check := func(when, user string, want ...bool) {
			t.Helper()
			for i, app := range apps {
				begun := time.Now()
				got, err := app.Hub().User(user).Online(t.Context())
				if err != nil || got != want[i] || time.Since(begun) > 0 {
					t.Errorf("%s: node %d got %v, %v after %v", when, i, got, err, time.Since(begun))
				}
			}
		}
		check("before", "ann", false, false, false)
		c := apps[1].Dial("/other?name=ann")
		check("connected", "ann", true, true, true)
		check("connected", "bob", false, false, false)
		c.Close(1000, "")
		check("gone", "ann", false, false, false)
		plain := apps[2].Dial("/plain?name=ann")
		check("on a gateway whose sessions do not end", "ann", true, true, true)

		kit.NewMuteNode(t, engine, "mute")
		begun := time.Now()
		if got, err := apps[0].Hub().User("ann").Online(t.Context()); err != nil || !got || time.Since(begun) > 0 {
			t.Errorf("beside a node that does not answer: got %v, %v", got, err)
		}
		if got, err := apps[0].Hub().User("bob").Online(t.Context()); got || !errors.Is(err, wsgate.ErrNoResponse) || !strings.HasSuffix(err.Error(), ": mute") {
			t.Errorf("beside a node that does not answer: got %v, %v", got, err)
		}
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("waited %v", took)
		}
		if err := apps[0].Hub().User("bob").Refresh(t.Context()); !errors.Is(err, wsgate.ErrNoResponse) {
			t.Errorf("Refresh beside a node that does not answer: got %v", err)
		}
		engine.SetAway(errAway)
		if got, err := apps[2].Hub().User("ann").Online(t.Context()); !got || err != nil {
			t.Errorf("without a broker, here: got %v, %v", got, err)
		}
		if got, err := apps[0].Hub().User("ann").Online(t.Context()); got || !errors.Is(err, wsgate.ErrBroker) {
			t.Errorf("without a broker, elsewhere: got %v, %v", got, err)
		}
		if err := apps[0].Hub().User("ann").Refresh(t.Context()); !errors.Is(err, wsgate.ErrBroker) {
			t.Errorf("Refresh without a broker: got %v", err)
		}
		wstest.Quiet(plain)
	})
}

// A node that is asked about a path that it does not serve, or by an older node, answers all the same.
func TestNodesOfOtherVersions(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		roles, apps := startTowns(t, engine, 2)
		ann := apps[0].Dial("/ws?name=ann")
		other := kit.NewMuteNode(t, engine, "other")
		ask := func(body string) {
			t.Helper()
			other.Publish("nodes", kit.NodeAsk, "\x01"+body)
			wstest.Pass(time.Second)
		}
		roles["ann"] = "admin"
		ask(varint(5000) + "\x02\x07/absent\x03ann\x00" + "\x02\x03/ws\x03ann\x00") // Refresh
		wantRole(t, ann, "admin")
		before := kit.Ignored(apps[0])
		ask(varint(5001) + "\x02\x07/absent\x03ann\x00") // Online
		if n := kit.Ignored(apps[0]) - before; n != 0 {
			t.Errorf("%d ignored, want none", n)
		}
		for _, unknown := range []string{varint(5002) + "\x02\x03/ws\x03ann\x00", varint(5000) + "\x03\x03/ws\x03ann\x00", varint(5001) + "\x02\x03/ws"} {
			before := kit.Ignored(apps[0])
			ask(unknown)
			if n := kit.Ignored(apps[0]) - before; n != 1 {
				t.Errorf("%q: %d ignored, want 1", unknown, n)
			}
		}
		wstest.Quiet(ann)
	})
}
