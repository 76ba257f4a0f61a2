package wsgate_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

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

// lasting returns ann's data for a session of that length.
func lasting(d time.Duration) member { return member{id: "ann", end: time.Now().Add(d)} }

// endingGateway is a gateway whose sessions end.
type endingGateway struct {
	begin  func() member // the data
	closed kit.Journal
}

func (g *endingGateway) OnUpgrade(*http.Request) (member, error) { return g.begin(), nil }

func (g *endingGateway) OnClose(_ context.Context, _ *memberConn, err error) {
	g.closed.Add("%v", err)
}

const (
	Role    wsgate.Call[struct{}, string]      = "role"
	Promote wsgate.Event[string]               = "promote"
	Rest    wsgate.Call[time.Duration, string] = "rest"
)

func (g *endingGateway) Events() wsgate.Events[member] {
	return wsgate.Events[member]{
		wsgate.Answer(Role, func(_ context.Context, c *memberConn, _ struct{}) (string, error) { return c.Data.role, nil }),
		wsgate.On(Promote, func(_ context.Context, c *memberConn, role string) error {
			c.Data.role = role
			return nil
		}),
		wsgate.Answer(Rest, func(_ context.Context, c *memberConn, d time.Duration) (string, error) {
			before := c.Data.role
			<-time.After(d)
			return before + " " + c.Data.role, nil
		}),
	}
}

// renewing is a gateway whose sessions end unless refresh renews them.
type renewing struct {
	endingGateway
	refresh func(ctx context.Context, c *memberConn, token string) (member, error)
}

func (g *renewing) OnRefresh(ctx context.Context, c *memberConn, token string) (member, error) {
	return g.refresh(ctx, c, token)
}

// renews returns a gateway with sessions of an hour.
func renews(refresh func(token string) (member, error)) *renewing {
	return &renewing{
		endingGateway{begin: func() member { return lasting(time.Hour) }},
		func(_ context.Context, _ *memberConn, token string) (member, error) { return refresh(token) },
	}
}

// brief is renews with sessions that begin with a minute.
func brief(refresh func(token string) (member, error)) *renewing {
	g := renews(refresh)
	g.begin = func() member { return lasting(time.Minute) }
	return g
}

var errLogIn = wsgate.Errorf(wsgate.Unauthenticated, "log in again")

// onlyFor takes one token, for another hour.
func onlyFor(good string) func(string) (member, error) {
	return func(token string) (member, error) {
		if token != good {
			return member{}, errLogIn
		}
		return lasting(time.Hour), nil
	}
}

// logging has an App log to log.
func logging(log *kit.Log) wstest.Option {
	return wstest.With(&wsgate.Options{Logger: slog.New(log)})
}

func serving[G any](t *testing.T, g *G, with ...wstest.Option) *wstest.App {
	t.Helper()
	return wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", g)}}, with...)
}

// endsAfter checks when a connection closes, counted from now, and for what.
func endsAfter(t *testing.T, c *wstest.Client, want time.Duration, code websocket.StatusCode, reason string) {
	t.Helper()
	begun := time.Now()
	if got := wstest.ExpectClose(c, code); got != reason {
		t.Errorf("closed with %q, want %q", got, reason)
	}
	if after := time.Since(begun); after < want || after > want+time.Second {
		t.Errorf("ended after %v, want %v", after, want)
	}
}

func TestSessionEnds(t *testing.T) {
	kit.Bubble(t, "at its time", func(t *testing.T) {
		g := &endingGateway{begin: func() member { return lasting(time.Minute) }}
		c := serving(t, g).Dial("/")
		endsAfter(t, c, time.Minute, wsgate.StatusExpired, "session expired")
		g.closed.Want(t, wsgate.ErrExpired.Error())
	})
	kit.Bubble(t, "never, by a zero time", func(t *testing.T) {
		c := serving(t, &endingGateway{begin: func() member { return member{} }}).Dial("/")
		wstest.Pass(time.Hour)
		wstest.Ask(c, Role, struct{}{})
	})
	kit.Bubble(t, "while a handler runs", func(t *testing.T) {
		c := serving(t, &endingGateway{begin: func() member { return lasting(time.Minute) }}).Dial("/")
		wstest.StartAsk(c, Rest, time.Hour)
		begun := time.Now()
		wstest.ExpectClose(c, wsgate.StatusExpired)
		if after := time.Since(begun); after < time.Hour { // ExpectClose waits for the handler
			t.Errorf("ended after %v", after)
		}
	})
	kit.Bubble(t, "in the second in which it began", func(t *testing.T) {
		c := serving(t, &endingGateway{begin: func() member { return lasting(time.Millisecond) }}).Dial("/")
		endsAfter(t, c, 0, wsgate.StatusExpired, "session expired")
	})
	kit.Bubble(t, "while OnOpen runs", func(t *testing.T) {
		g := &slowToOpen{endingGateway{begin: func() member { return lasting(time.Second) }}}
		c := serving(t, g).DialNow("/")
		endsAfter(t, c, 5*time.Second, wsgate.StatusExpired, "session expired")
		g.closed.Want(t, wsgate.ErrExpired.Error())
	})
}

type slowToOpen struct{ endingGateway }

func (*slowToOpen) OnOpen(context.Context, *memberConn) error {
	<-time.After(5 * time.Second)
	return nil
}

func TestRefresh(t *testing.T) {
	kit.Bubble(t, "the server knows", func(t *testing.T) {
		asked := 0
		c := serving(t, renews(func(token string) (member, error) {
			if asked++; token != "" {
				t.Errorf("got token %q", token)
			}
			return lasting(time.Hour), nil
		})).Dial("/")
		wstest.Pass(4 * time.Hour)
		wstest.Quiet(c)
		if asked != 4 {
			t.Errorf("asked %d times in 4 hours", asked)
		}
	})
	kit.Bubble(t, "the client knows", func(t *testing.T) {
		c := serving(t, renews(func(token string) (member, error) {
			m, err := onlyFor("good")(token)
			m.role = "admin"
			return m, err
		})).Dial("/")
		if left := wstest.NextExpiring(c); left < 29*time.Second || left > 150*time.Second {
			t.Errorf("asked %v before the end", left)
		}
		if _, err := wstest.TryRefresh(c, "bad"); err == nil || err.Error() != "unauthenticated: log in again" {
			t.Errorf("got %v for a bad token", err)
		}
		if got := wstest.Ask(c, Role, struct{}{}); got != "" {
			t.Errorf("after a bad token the data is %q", got)
		}
		if left := wstest.Refresh(c, "good"); left < time.Hour-time.Second || left > time.Hour {
			t.Errorf("%v left", left)
		}
		if got := wstest.Ask(c, Role, struct{}{}); got != "admin" {
			t.Errorf("the data is %q", got)
		}
		wstest.Pass(50 * time.Minute)
		wstest.Quiet(c)
	})
	kit.Bubble(t, "the client has a new one before it is asked", func(t *testing.T) {
		c := serving(t, renews(onlyFor("good"))).Dial("/")
		wstest.Pass(30 * time.Minute)
		wstest.Refresh(c, "good")
		wstest.Pass(50 * time.Minute)
		wstest.Quiet(c)
	})
	kit.Bubble(t, "nobody knows", func(t *testing.T) {
		g := renews(onlyFor("good"))
		c := serving(t, g).Dial("/")
		begun, asked := time.Now(), 0
		for left := time.Hour; left > 0; asked++ { // again and again
			left = wstest.NextExpiring(c)
		}
		endsAfter(t, c, time.Until(begun.Add(time.Hour+25*time.Second)), wsgate.StatusExpired, "session expired")
		g.closed.Want(t, wsgate.ErrExpired.Error())
		if asked < 4 || asked > 15 {
			t.Errorf("the client was asked %d times", asked)
		}
	})
	kit.Bubble(t, "in the grace", func(t *testing.T) {
		c := serving(t, renews(onlyFor("good"))).Dial("/")
		wstest.Pass(time.Hour + 20*time.Second)
		wstest.Refresh(c, "good")
		wstest.Pass(50 * time.Minute)
		wstest.Quiet(c)
	})
	kit.Bubble(t, "data that lasts no longer", func(t *testing.T) {
		m := lasting(time.Hour)
		g := &renewing{
			endingGateway{begin: func() member { return m }},
			func(context.Context, *memberConn, string) (member, error) { return m, nil },
		}
		c := serving(t, g).Dial("/")
		wstest.NextExpiring(c)
		endsAfter(t, c, time.Until(m.end)+25*time.Second, wsgate.StatusExpired, "session expired")
	})
	kit.Bubble(t, "for ever", func(t *testing.T) {
		c := serving(t, renews(func(token string) (member, error) { return member{id: "ann"}, nil })).Dial("/")
		if left := wstest.Refresh(c, "for life"); left != 0 {
			t.Errorf("%v left", left)
		}
		wstest.Pass(2 * time.Hour)
		wstest.Quiet(c)
		c.Send(wsgate.Text(`{"type":"$refresh","id":7,"token":"for life"}`))
		if got := c.NextText(); got != `{"type":"$refresh","id":7}` {
			t.Errorf("got %s", got)
		}
	})
	kit.Bubble(t, "for a session without an end", func(t *testing.T) {
		g := renews(onlyFor("good"))
		g.begin = func() member { return member{id: "ann"} }
		c := serving(t, g).Dial("/")
		wstest.Refresh(c, "good")
		wstest.NextExpiring(c)
	})
}

// What OnRefresh returns besides data, when it is asked without a token.
func TestRefreshFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		code   websocket.StatusCode // 0 for none: it is asked again
		reason string
		logged int // lines
	}{
		{"denied", wsgate.Errorf(wsgate.Denied, "you are banned"), 1008, "you are banned", 0},
		{"wrapped", errors.Join(wsgate.Errorf(wsgate.Denied, "you are banned"), errors.New("by ann")), 1008, "you are banned", 0},
		{"a close frame", websocket.CloseError{Code: 4000, Reason: "go"}, 4000, "go", 0},
		{"unavailable", wsgate.Errorf(wsgate.Unavailable, "later"), 0, "", 0},
		{"a broken database", errors.New("the disk is full"), 0, "", 2},
		{"internal", wsgate.Errorf(wsgate.Internal, "ours"), 0, "", 0},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			asked := 0
			g := renews(func(string) (member, error) {
				if asked++; asked <= 2 {
					return member{}, test.err
				}
				return lasting(time.Hour), nil
			})
			log := kit.NewLog()
			c := serving(t, g, logging(log)).Dial("/")
			if test.code == 0 {
				wstest.Pass(time.Hour + 20*time.Minute)
				wstest.Quiet(c)
				if asked != 3 {
					t.Errorf("asked %d times", asked)
				}
			} else if reason := wstest.ExpectClose(c, test.code); reason != test.reason {
				t.Errorf("closed with %q", reason)
			}
			if ends := g.closed.All(); test.code > 0 && (len(ends) != 1 || !strings.Contains(ends[0], test.reason) || !strings.Contains(ends[0], "status = ")) {
				t.Errorf("OnClose got %q, want a close error", ends)
			}
			if lines := log.With(); len(lines) != test.logged {
				t.Errorf("logged %q", lines)
			}
		})
	}
	kit.Bubble(t, "panic", func(t *testing.T) {
		g := renews(func(string) (member, error) { panic("help") })
		log := kit.NewLog()
		wstest.ExpectClose(serving(t, g, logging(log)).Dial("/"), 1011)
		g.closed.Want(t, "wsgate: panic: help")
		if lines := log.With("panic: help", "stack"); len(lines) != 1 {
			t.Errorf("logged %q", log.With())
		}
	})
	kit.Bubble(t, "the end of its goroutine", func(t *testing.T) {
		g := renews(func(string) (member, error) { runtime.Goexit(); panic(0) })
		log := kit.NewLog()
		wstest.ExpectClose(serving(t, g, logging(log)).Dial("/"), 1011)
		if n := len(g.closed.All()); n != 1 || len(log.With("Goexit")) != 1 {
			t.Errorf("OnClose was called %d times, logged %q", n, log.With())
		}
	})
	kit.Bubble(t, "another user", func(t *testing.T) {
		g := renews(func(string) (member, error) {
			m := lasting(time.Hour)
			m.id = "bob"
			return m, nil
		})
		c := serving(t, g).Dial("/")
		if reason := wstest.ExpectClose(c, wsgate.StatusExpired); reason != "session of another user" {
			t.Errorf("closed with %q", reason)
		}
		if got := g.closed.All(); len(got) != 1 || !strings.HasPrefix(got[0], wsgate.ErrExpired.Error()) {
			t.Errorf("OnClose got %q", got)
		}
	})
}

// What OnRefresh returns for a client's token is the answer, and changes nothing.
func TestTokenIsRefused(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		results := map[string]error{
			"denied":   wsgate.Errorf(wsgate.Denied, "not you"),
			"busy":     wsgate.Errorf(wsgate.Unavailable, "later"),
			"database": errors.New("the disk is full"),
		}
		app := kit.NewApp(t, nil, kit.RouteTo("/", renews(func(token string) (member, error) { return member{}, results[token] })))
		c := kit.Spoken{Client: kit.Dialed(t, app, "/"), App: app}
		for _, test := range [][2]string{
			{`{"type":"$refresh","id":1,"token":"denied"}`, `{"type":"error","id":1,"code":"denied","message":"not you"}`},
			{`{"type":"$refresh","id":2,"token":"busy"}`, `{"type":"error","id":2,"code":"unavailable","message":"later"}`},
			{`{"type":"$refresh","id":3,"token":"database"}`, `{"type":"error","id":3,"code":"internal","message":"internal error"}`},
			{`{"type":"$refresh","token":"denied"}`, `{"type":"error","code":"denied","message":"not you"}`},
			{`{"type":"$refresh","id":4}`, `{"type":"error","id":4,"code":"invalid","message":"token is missing"}`},
			{`{"type":"$refresh","id":5,"token":""}`, `{"type":"error","id":5,"code":"invalid","message":"token is missing"}`},
			{`{"type":"$refresh","id":6,"token":7}`, `{"type":"error","id":6,"code":"invalid","message":"token is a number, want a string"}`},
			{`{"type":"$refresh","id":7,"data":{"token":"denied"}}`, `{"type":"error","id":7,"code":"invalid","message":"the payload of $refresh stands beside \"type\", not under \"data\""}`},
			{`{"type":"$reload","id":8}`, `{"type":"error","id":8,"code":"unknown_event","message":"unknown event \"$reload\""}`},
		} {
			c.Asks(test[0], test[1])
		}
		c.Silent()
		c.Logged(1, "the disk is full")
	})
}

// The messages on the wire, and gateways that have none.
func TestRefreshOnTheWire(t *testing.T) {
	kit.Bubble(t, "flat", func(t *testing.T) {
		c := kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/", brief(onlyFor("good")))), "/")
		hearsAsked(t, c, `{"type":"$expiring","in":N}`)
		c.Say(`{"type":"$refresh","id":9,"token":"good"}`)
		c.Hears(`{"type":"$refresh","id":9,"in":3600}`)
	})
	kit.Bubble(t, "nested", func(t *testing.T) {
		o := &wsgate.Options{Envelope: wsgate.Envelope{Type: "event", ID: "ref", Data: "payload"}}
		c := kit.Dial(t, kit.NewApp(t, o, kit.RouteTo("/", brief(onlyFor("good")))), "/")
		hearsAsked(t, c, `{"event":"$expiring","payload":{"in":N}}`)
		c.Say(`{"event":"$refresh","ref":9,"payload":{"token":"good"}}`)
		c.Hears(`{"event":"$refresh","ref":9,"payload":{"in":3600}}`)
	})
	kit.Bubble(t, "keys that are taken", func(t *testing.T) {
		o := &wsgate.Options{Envelope: wsgate.Envelope{Type: "token", ID: "in"}}
		c := kit.Dial(t, kit.NewApp(t, o, kit.RouteTo("/", brief(onlyFor("good")))), "/")
		hearsAsked(t, c, `{"token":"$expiring","data":{"in":N}}`)
		c.Say(`{"token":"$refresh","in":9,"data":{"token":"good"}}`)
		c.Hears(`{"token":"$refresh","in":9,"data":{"in":3600}}`)
	})
	kit.Bubble(t, "a gateway that only pushes", func(t *testing.T) {
		c := kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/", &pushing{onlyFor("good")})), "/")
		hearsAsked(t, c, `{"type":"$expiring","in":N}`)
		c.Say(`{"type":"$refresh","id":9,"token":"good"}`)
		c.Hears(`{"type":"$refresh","id":9,"in":3600}`)
		c.Say(`{"type":"anything","id":10}`)
		c.Hears(`{"type":"error","id":10,"code":"unsupported","message":"this gateway takes no messages"}`)
	})
	kit.Bubble(t, "a gateway without OnRefresh", func(t *testing.T) {
		c := kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/", &endingGateway{begin: func() member { return lasting(time.Minute) }})), "/")
		c.Say(`{"type":"$refresh","id":9,"token":"good"}`)
		c.Hears(`{"type":"error","id":9,"code":"unknown_event","message":"unknown event \"$refresh\""}`)
		if messages, end := c.Rest(); len(messages) > 0 || end.Code != wsgate.StatusExpired {
			t.Errorf("got %q and %v", messages, end)
		}
	})
	kit.Bubble(t, "a gateway of raw messages", func(t *testing.T) {
		asked := 0
		g := &rawRenewing{pushing{func(token string) (member, error) {
			if asked++; asked == 1 {
				return lasting(time.Minute), nil
			}
			return member{}, errLogIn
		}}}
		c := kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/", g)), "/")
		c.Say(`{"type":"$refresh","id":9,"token":"good"}`)
		c.Hears(`{"type":"$refresh","id":9,"token":"good"}`) // it belongs to the gateway
		if messages, end := c.Rest(); len(messages) > 0 || end.Code != wsgate.StatusExpired || asked < 3 {
			t.Errorf("got %q and %v, asked %d times", messages, end, asked)
		}
	})
}

// hearsAsked checks the next message, in which N stands for how long the session still has.
func hearsAsked(t *testing.T, c *kit.Client, want string) {
	t.Helper()
	if got := regexp.MustCompile(`"in":3[0-6]}`).ReplaceAllString(c.Hear(), `"in":N}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// pushing is a gateway that takes no messages.
type pushing struct {
	refresh func(token string) (member, error)
}

func (g *pushing) OnUpgrade(*http.Request) (member, error) { return lasting(time.Minute), nil }

func (g *pushing) OnRefresh(_ context.Context, _ *memberConn, token string) (member, error) {
	return g.refresh(token)
}

// rawRenewing sends every message back.
type rawRenewing struct{ pushing }

func (*rawRenewing) OnMessage(_ context.Context, c *memberConn, m wsgate.Message) error {
	return c.Send(m)
}
