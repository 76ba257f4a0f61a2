package wsgate_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// member is the data of a session that ends.
type member struct {
	id   string
	role string
	end  time.Time
}

func (m member) UserID() string       { return m.id }
func (m member) ExpiresAt() time.Time { return m.end }

type memberConn = wsgate.Conn[member]

// endingGateway is a gateway whose sessions end, and are not renewed.
type endingGateway struct {
	data   func() member
	events kit.Journal
	close  func(error)
}

func (g *endingGateway) OnUpgrade(*http.Request) (member, error) { return g.data(), nil }

func (g *endingGateway) OnClose(_ context.Context, _ *memberConn, err error) {
	if g.close != nil {
		g.close(err)
	}
}

const Role wsgate.Call[struct{}, string] = "role"

func (g *endingGateway) Events() wsgate.Events[member] {
	return wsgate.Events[member]{wsgate.Answer(Role, func(_ context.Context, c *memberConn, _ struct{}) (string, error) {
		return c.Data.role, nil
	})}
}

// renewing is a gateway whose sessions end unless refresh renews them.
type renewing struct {
	endingGateway
	refresh func(ctx context.Context, c *memberConn, token string) (member, error)
}

func (g *renewing) OnRefresh(ctx context.Context, c *memberConn, token string) (member, error) {
	return g.refresh(ctx, c, token)
}

func lasting(d time.Duration) func() member {
	return func() member { return member{id: "ann", end: time.Now().Add(d)} }
}

func serve[G any](t *testing.T, g *G, with ...wstest.Option) *wstest.App {
	t.Helper()
	return wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", g)}}, with...)
}

// A session ends when its data says so.
func TestSessionEnds(t *testing.T) {
	kit.Bubble(t, "at its time", func(t *testing.T) {
		ended := make(chan error, 1)
		c := serve(t, &endingGateway{data: lasting(time.Minute), close: func(err error) { ended <- err }}).Dial("/")
		begun := time.Now()
		if reason := wstest.ExpectClose(c, wsgate.StatusExpired); reason != "session expired" {
			t.Errorf("closed with %q", reason)
		}
		if after := time.Since(begun).Round(time.Second); after != time.Minute {
			t.Errorf("ended after %v", after)
		}
		if err := <-ended; !errors.Is(err, wsgate.ErrExpired) {
			t.Errorf("OnClose got %v", err)
		}
	})
	kit.Bubble(t, "never, by a zero time", func(t *testing.T) {
		c := serve(t, &endingGateway{data: func() member { return member{} }}).Dial("/")
		wstest.Pass(time.Hour)
		wstest.Ask(c, Role, struct{}{})
	})
	kit.Bubble(t, "before it began", func(t *testing.T) {
		serve(t, &endingGateway{data: lasting(0)}).ExpectRefused(401, "/")
	})
}

func TestRefresh(t *testing.T) {
	kit.Bubble(t, "the server knows", func(t *testing.T) {
		var asked int
		g := &renewing{endingGateway: endingGateway{data: lasting(time.Hour)}}
		g.refresh = func(_ context.Context, c *memberConn, token string) (member, error) {
			if asked++; token != "" {
				t.Errorf("got token %q", token)
			}
			return lasting(time.Hour)(), nil
		}
		c := serve(t, g).Dial("/")
		wstest.Pass(4 * time.Hour)
		wstest.Quiet(c)
		if asked != 4 {
			t.Errorf("asked %d times in 4 hours", asked)
		}
	})
	kit.Bubble(t, "the client knows", func(t *testing.T) {
		g := &renewing{endingGateway: endingGateway{data: lasting(time.Hour)}}
		g.refresh = func(_ context.Context, c *memberConn, token string) (member, error) {
			if token != "good" {
				return member{}, wsgate.Errorf(wsgate.Unauthenticated, "log in again")
			}
			m := lasting(2 * time.Hour)()
			m.role = "admin"
			return m, nil
		}
		c := serve(t, g).Dial("/")
		if left := wstest.NextExpiring(c); left < 29*time.Second || left > 2*time.Minute+30*time.Second {
			t.Errorf("asked %v before the end", left)
		}
		if _, err := wstest.TryRefresh(c, "bad"); err == nil {
			t.Error("took a bad token")
		}
		if left := wstest.Refresh(c, "good"); left < 2*time.Hour-time.Second {
			t.Errorf("%v left", left)
		}
		if got := wstest.Ask(c, Role, struct{}{}); got != "admin" {
			t.Errorf("the data is %q", got)
		}
	})
	kit.Bubble(t, "nobody knows", func(t *testing.T) {
		g := &renewing{endingGateway: endingGateway{data: lasting(time.Hour)}}
		g.refresh = func(context.Context, *memberConn, string) (member, error) {
			return member{}, wsgate.Errorf(wsgate.Unauthenticated, "log in again")
		}
		c := serve(t, g).Dial("/")
		begun := time.Now()
		wstest.NextExpiring(c)
		wstest.ExpectClose(c, wsgate.StatusExpired)
		if after := time.Since(begun).Round(time.Second); after != time.Hour+25*time.Second {
			t.Errorf("ended after %v", after)
		}
	})
}
