package wsgate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// OnRefresh and the handlers of a connection wait for each other.
func TestRefreshTakesItsTurn(t *testing.T) {
	admin := func(string) (member, error) {
		m := lasting(time.Hour)
		m.role = "admin"
		return m, nil
	}
	kit.Bubble(t, "behind a handler", func(t *testing.T) {
		c := serving(t, renews(admin)).Dial("/")
		wstest.Pass(57 * time.Minute)
		pending := wstest.StartAsk(c, Rest, 150*time.Second)
		if got := pending.Wait(); got != " " {
			t.Errorf("the data has changed within a handler: %q", got)
		}
		if got := wstest.Ask(c, Role, struct{}{}); got != "admin" {
			t.Errorf("after the handler the data is %q", got)
		}
	})
	kit.Bubble(t, "before a handler", func(t *testing.T) {
		c := serving(t, renews(func(token string) (member, error) {
			<-time.After(50 * time.Second) // asked 30 s before the end at the latest, it is back within the grace of 25 s
			return admin(token)
		})).Dial("/")
		wstest.Pass(time.Hour - 29*time.Second) // it was asked, and rests
		if got := wstest.Ask(c, Role, struct{}{}); got != "admin" {
			t.Errorf("got %q", got)
		}
	})
	kit.Bubble(t, "before OnClose", func(t *testing.T) {
		g := renews(nil)
		g.refresh = func(ctx context.Context, _ *memberConn, _ string) (member, error) {
			<-ctx.Done()
			g.closed.Add("refreshed")
			return admin("")
		}
		c := serving(t, g).Dial("/")
		wstest.Pass(time.Hour - 29*time.Second)
		c.Close(1000, "")
		g.closed.Want(t, "refreshed", "<nil>")
	})
	kit.Bubble(t, "longer than the session", func(t *testing.T) {
		g := renews(nil)
		g.refresh = func(ctx context.Context, _ *memberConn, _ string) (member, error) {
			<-ctx.Done()
			return member{}, context.Cause(ctx)
		}
		log := kit.NewLog()
		c := serving(t, g, logging(log)).Dial("/")
		wstest.Pass(30 * time.Minute)
		endsAfter(t, c, 30*time.Minute+25*time.Second, wsgate.StatusExpired, "session expired")
		if got := log.With(); len(got) != 1 || len(log.With("a handler does not return", "hook=refresh")) != 1 {
			t.Errorf("logged %q", got)
		}
	})
}

// Shutdown waits for OnRefresh as for any hook, and says so to one that wants to wait for it.
func TestShutdownDuringRefresh(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		var app *wstest.App
		var refused error
		g := renews(nil)
		g.refresh = func(ctx context.Context, _ *memberConn, _ string) (member, error) {
			refused = app.Shutdown(ctx)
			<-ctx.Done()
			<-time.After(time.Second)
			g.closed.Add("refreshed: %v", context.Cause(ctx))
			return lasting(time.Hour), nil
		}
		app = serving(t, g)
		c := app.Dial("/")
		wstest.Pass(time.Hour - 29*time.Second)
		begun := time.Now()
		if err := app.Shutdown(t.Context()); err != nil || time.Since(begun) < time.Second {
			t.Errorf("Shutdown returned %v after %v", err, time.Since(begun))
		}
		wstest.ExpectClose(c, 1012)
		g.closed.Want(t, "refreshed: wsgate: App is shutting down", "wsgate: App is shutting down")
		if refused == nil || !strings.Contains(refused.Error(), "a call by OnRefresh") {
			t.Errorf("Shutdown within OnRefresh returned %v", refused)
		}
	})
}

// Hooks of one connection never overlap, and none comes after OnClose, whoever renews, sends and closes.
func TestRefreshAmongEverything(t *testing.T) {
	const rounds = 300
	kit.Bubble(t, "", func(t *testing.T) {
		var inside, asked atomic.Int32
		g := renews(nil)
		once := func(what string) func() {
			if inside.Add(1) != 1 {
				t.Errorf("%s overlaps", what)
			}
			return func() { inside.Add(-1) }
		}
		g.refresh = func(_ context.Context, c *memberConn, token string) (member, error) {
			defer once("OnRefresh")()
			asked.Add(1)
			c.Data.role += "x" // without a lock
			if rand.N(3) == 0 {
				<-time.After(rand.N(time.Second))
			}
			switch m := lasting(rand.N(2 * time.Minute)); {
			case token == "" && rand.N(2) == 0:
				return m, errLogIn
			case rand.N(20) == 0:
				return m, wsgate.Errorf(wsgate.Unavailable, "later")
			default:
				m.role = c.Data.role
				return m, nil
			}
		}
		use := func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				if in.Hook != wsgate.HookRefresh {
					defer once(in.Hook)()
					c.(*memberConn).Data.role += "y"
				}
				return next(ctx, c, in)
			}
		}
		app := serving(t, g, wstest.With(&wsgate.Options{Use: []any{use}}))
		for range rounds {
			c := app.Dial("/")
			var others sync.WaitGroup
			others.Go(func() {
				for range rand.N(5) {
					<-time.After(rand.N(10 * time.Second))
					if err := app.Hub().User("ann").Refresh(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
			for i := range 10 {
				<-time.After(rand.N(10 * time.Second))
				if app.Hub().User("ann").Len() == 0 {
					break
				}
				c.Send(wsgate.Text(fmt.Sprintf(`{"type":"$refresh","id":%d,"token":"t"}`, i)))
				c.Send(wsgate.Text(`{"type":"rest","data":1000000}`))
			}
			if rand.N(2) == 0 {
				<-time.After(rand.N(3 * time.Minute))
			}
			app.Hub().Disconnect(context.Background(), 4000, "")
			others.Wait()
			for app.Hub().Len() > 0 {
				<-time.After(time.Second)
			}
		}
		if n := len(g.closed.All()); n != rounds || asked.Load() < rounds {
			t.Errorf("%d of %d connections were closed, OnRefresh was asked %d times", n, rounds, asked.Load())
		}
	})
}

// Ten thousand sessions that began together are not renewed together.
func TestRefreshIsSpread(t *testing.T) {
	const sessions = 10_000
	kit.Bubble(t, "", func(t *testing.T) {
		var mu sync.Mutex
		perSecond := map[int64]int{}
		end := time.Now().Add(time.Hour)
		g := &renewing{endingGateway: endingGateway{begin: func() member { return member{id: "ann", end: end} }}}
		g.refresh = func(context.Context, *memberConn, string) (member, error) {
			mu.Lock()
			defer mu.Unlock()
			perSecond[time.Now().Unix()]++
			return member{id: "ann", end: end.Add(time.Hour)}, nil
		}
		app := serving(t, g, wstest.With(&wsgate.Options{Limits: wsgate.Limits{Ping: 3 * time.Hour}}))
		for range sessions {
			app.DialNow("/")
		}
		wstest.Pass(time.Until(end))
		total, most := 0, 0
		for _, n := range perSecond {
			total += n
			most = max(most, n)
		}
		if total != sessions || most > 2*sessions/120 {
			t.Errorf("%d were renewed, %d in one second", total, most)
		}
	})
}

// What was changed of a user reaches the connections at once.
func TestHubRefresh(t *testing.T) {
	kit.Bubble(t, "a role changes", func(t *testing.T) {
		role := "guest"
		end := time.Now().Add(time.Hour)
		g := renews(func(string) (member, error) { return member{id: "ann", role: role, end: end}, nil })
		app := serving(t, g)
		phone, laptop := app.Dial("/"), app.Dial("/")
		role = "admin"
		if err := app.Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if err := app.Hub().User("bob").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		wstest.Pass(time.Second)
		for _, c := range []*wstest.Client{phone, laptop} {
			if got := wstest.Ask(c, Role, struct{}{}); got != "admin" {
				t.Errorf("the data is %q", got)
			}
			wstest.Quiet(c)
		}
		wstest.Pass(time.Until(end) - 3*time.Minute)
		wstest.Quiet(phone) // the session has lost nothing
	})
	kit.Bubble(t, "a logout", func(t *testing.T) {
		app := serving(t, renews(onlyFor("new")))
		phone, laptop := app.Dial("/"), app.Dial("/")
		if err := app.Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		for _, c := range []*wstest.Client{phone, laptop} {
			if left := wstest.NextExpiring(c); left != 0 {
				t.Errorf("%v left", left)
			}
		}
		wstest.Refresh(phone, "new")
		endsAfter(t, laptop, 25*time.Second, wsgate.StatusExpired, "session expired")
		wstest.Pass(50 * time.Minute)
		wstest.Quiet(phone)
	})
	kit.Bubble(t, "the server cannot tell at first", func(t *testing.T) {
		var asked atomic.Int32
		app := serving(t, renews(func(string) (member, error) {
			if asked.Add(1) < 3 {
				return member{}, wsgate.Errorf(wsgate.Unavailable, "later")
			}
			return member{}, errLogIn
		}))
		c := app.Dial("/")
		if err := app.Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		begun := time.Now()
		wstest.NextExpiring(c)
		if after := time.Since(begun); asked.Load() != 3 || after > time.Minute+time.Second {
			t.Errorf("asked %d times in %v", asked.Load(), after)
		}
		wstest.ExpectClose(c, wsgate.StatusExpired)
	})
	kit.Bubble(t, "while OnRefresh is asked", func(t *testing.T) {
		var role string
		asked := 0
		app := serving(t, renews(func(string) (member, error) {
			m := lasting(time.Hour)
			asked++
			m.role = role
			<-time.After(time.Second)
			return m, nil
		}))
		c := app.Dial("/")
		for _, role = range []string{"guest", "admin"} {
			if err := app.Hub().User("ann").Refresh(t.Context()); err != nil {
				t.Error(err)
			}
			wstest.Pass(500 * time.Millisecond)
		}
		wstest.Pass(3 * time.Second)
		if got := wstest.Ask(c, Role, struct{}{}); got != "admin" || asked != 2 {
			t.Errorf("the data is %q, asked %d times", got, asked)
		}
	})
	kit.Bubble(t, "while OnOpen runs", func(t *testing.T) {
		g := &opensRenewing{renewing: *renews(onlyFor("new"))}
		app := serving(t, g)
		c := app.DialNow("/")
		wstest.Pass(time.Second)
		if err := app.Hub().User("ann").Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if left := wstest.NextExpiring(c); left != 0 {
			t.Errorf("%v left", left)
		}
	})
	kit.Bubble(t, "everybody, not at once", func(t *testing.T) {
		var mu sync.Mutex
		perSecond := map[int64]int{}
		app := serving(t, renews(func(string) (member, error) {
			mu.Lock()
			defer mu.Unlock()
			perSecond[time.Now().Unix()]++
			return lasting(time.Hour), nil
		}))
		for range 300 {
			app.DialNow("/")
		}
		wstest.Pass(time.Second)
		if err := app.Hub().Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		wstest.Pass(31 * time.Second)
		total := 0
		for _, n := range perSecond {
			total += n
			if n > 40 {
				t.Errorf("%d in a second", n)
			}
		}
		if total != 300 {
			t.Errorf("%d were asked", total)
		}
	})
	kit.Bubble(t, "without OnRefresh", func(t *testing.T) {
		log := kit.NewLog()
		app := serving(t, &endingGateway{begin: func() member { return lasting(time.Hour) }}, logging(log))
		for range 2 {
			if err := app.Hub().User("ann").Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "OnRefresh") {
				t.Errorf("got %v", err)
			}
		}
		if lines := log.With("Hub.Refresh without OnRefresh", "refresh_order_test.go"); len(lines) != 1 {
			t.Errorf("logged %q", log.With())
		}
	})
	kit.Bubble(t, "without users", func(t *testing.T) {
		app := serving(t, &kit.EventGateway{}, logging(kit.NewLog()))
		if _, err := app.Hub().User("ann").Online(t.Context()); err == nil || !strings.Contains(err.Error(), "no gateway has users") {
			t.Errorf("got %v", err)
		}
	})
}

type opensRenewing struct{ renewing }

func (*opensRenewing) OnOpen(context.Context, *memberConn) error {
	<-time.After(5 * time.Second)
	return nil
}

func TestOnline(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		app := serving(t, &endingGateway{begin: func() member { return member{id: "ann"} }})
		check := func(when string, hub *wsgate.Hub, want bool) {
			t.Helper()
			if got, err := hub.Online(t.Context()); err != nil || got != want {
				t.Errorf("%s: got %v, %v", when, got, err)
			}
		}
		check("before", app.Hub(), false)
		check("before", app.Hub().User("ann"), false)
		c := app.Dial("/")
		check("connected", app.Hub().User("ann"), true)
		check("connected", app.Hub().User("bob"), false)
		check("connected", app.Hub().User(""), false)
		check("connected", app.Hub(), true)
		wstest.StartAsk(c, Rest, time.Minute)
		wstest.Pass(time.Second)
		for conn := range app.Hub().Conns() {
			conn.Close(4000, "")
		}
		check("closing", app.Hub().User("ann"), false)
		wstest.ExpectClose(c, 4000)
		check("gone", app.Hub().User("ann"), false)
	})
}

// A connection that is parked is renewed, and ends, as any other. It needs a socket, and real time.
func TestRefreshOfParkedConnections(t *testing.T) {
	t.Parallel()
	for _, carrier := range kit.Carriers[1:] {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			g := renews(onlyFor("good"))
			g.begin = func() member { return lasting(2 * time.Second) }
			o := &wsgate.Options{Limits: wsgate.Limits{Refresh: time.Second, RefreshGrace: 500 * time.Millisecond}}
			dial := carrier.Connect(t, kit.NewApp(t, o, kit.RouteTo("/", g)))
			renewed, other := dial("/"), dial("/")
			if got := renewed.Hear(); !strings.HasPrefix(got, `{"type":"$expiring",`) {
				t.Errorf("got %s", got)
			}
			renewed.Say(`{"type":"$refresh","id":1,"token":"good"}`)
			renewed.Hears(`{"type":"$refresh","id":1,"in":3599}`)
			if messages, end := other.Rest(); end.Code != wsgate.StatusExpired || len(messages) < 2 {
				t.Errorf("got %q and %v", messages, end)
			}
			renewed.Say(`{"type":"role","id":2}`)
			renewed.Hears(`{"type":"role","id":2,"data":""}`)
		})
	}
}
