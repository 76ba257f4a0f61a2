package wstest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// The gateway under test: a chat with a store.

type member struct{ Name string }

type conn = wsgate.Conn[member]

type line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

const (
	say     wsgate.Event[string]       = "say"
	said    wsgate.Event[line]         = "said"
	history wsgate.Call[int, []line]   = "history"
	kick    wsgate.Event[struct{}]     = "kick"
	secret  wsgate.Call[string, uint8] = "secret"
)

type store interface {
	Last(n int) ([]line, error)
	Add(l line)
}

type realStore struct{}

func newStore() store { panic("the real store must not be made in a test that replaces it") }

type fakeStore struct{ lines []line }

func (s *fakeStore) Last(n int) ([]line, error) {
	if n < 0 {
		return nil, wsgate.Errorf(wsgate.Invalid, "n is negative")
	}
	return s.lines[max(0, len(s.lines)-n):], nil
}
func (s *fakeStore) Add(l line) { s.lines = append(s.lines, l) }

type chat struct{ store store }

func newChat(s store) *chat { return &chat{s} }

func (*chat) OnUpgrade(r *http.Request) (member, error) {
	name := r.FormValue("name")
	if name == "" {
		return member{}, wsgate.Errorf(wsgate.Unauthenticated, "who are you?")
	}
	if name == r.Header.Get("Banned") {
		return member{}, wsgate.Errorf(wsgate.Denied, "not you")
	}
	return member{name}, nil
}

func (*chat) OnOpen(_ context.Context, c *conn) error { return c.Join("room") }

func (g *chat) Events() wsgate.Events[member] {
	return wsgate.Events[member]{
		wsgate.On(say, g.onSay),
		wsgate.Answer(history, func(_ context.Context, _ *conn, n int) ([]line, error) { return g.store.Last(n) }),
		wsgate.On(kick, func(_ context.Context, c *conn, _ struct{}) error {
			c.Close(4000, "kicked")
			return nil
		}),
		wsgate.Answer(secret, func(context.Context, *conn, string) (uint8, error) { return 0, errors.New("the database is down") }),
	}
}

func (g *chat) onSay(_ context.Context, c *conn, text string) error {
	if text == "" {
		return wsgate.Errorf(wsgate.Invalid, "say something")
	}
	l := line{c.Data.Name, text}
	g.store.Add(l)
	return said.Emit(c.Room("room").Except(c), l)
}

func chatModule(envelope wsgate.Envelope) *wsgate.Module {
	return &wsgate.Module{Name: "chat", Provide: []any{newStore}, Gateways: []wsgate.Route{{Path: "/chat/{room}", New: newChat, Envelope: envelope}}}
}

func newApp(t testing.TB, options ...wstest.Option) *wstest.App {
	t.Helper()
	return wstest.New(t, chatModule(wsgate.Envelope{}), append(options, wstest.Replace[store](&fakeStore{}))...)
}

// Everything works outside and inside of a bubble of testing/synctest, and with either envelope.
func TestConversation(t *testing.T) {
	for name, envelope := range map[string]wsgate.Envelope{"flat": {}, "nested": {Type: "event", ID: "ref", Data: "payload"}} {
		test := func(t *testing.T) {
			app := wstest.New(t, chatModule(envelope), wstest.Replace[store](&fakeStore{}))
			ann := app.Dial("/chat/go?name=ann")
			bob := app.Dial("/chat/go?name=bob")

			wstest.Quiet(ann, bob)
			wstest.Send(bob, say, "hello")
			if got, want := wstest.Next(ann, said), (line{"bob", "hello"}); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			wstest.Do(bob, say, "again")
			wstest.Do(ann, say, "hi")
			if got := wstest.Ask(bob, history, 2); len(got) != 2 || got[1] != (line{"ann", "hi"}) {
				t.Errorf("got %v", got)
			}
			if got := wstest.Next(bob, said); got != (line{"ann", "hi"}) { // arrived before the answer, and stayed
				t.Errorf("got %v", got)
			}
			if got := wstest.Next(ann, said); got != (line{"bob", "again"}) {
				t.Errorf("got %v", got)
			}
			wstest.Send(ann, say, "")
			if got := wstest.ExpectError(ann, wsgate.Invalid); got.Message != "say something" {
				t.Errorf("got %v", got)
			}
			var failed *wsgate.Error
			if _, err := wstest.TryAsk(ann, history, -1); !errors.As(err, &failed) || failed.Code != wsgate.Invalid {
				t.Errorf("got %v", err)
			}
			if _, err := wstest.TryAsk(ann, secret, ""); !errors.As(err, &failed) || failed.Code != wsgate.Internal {
				t.Errorf("got %v", err)
			}
			if err := wstest.TryDo(ann, say, ""); !errors.As(err, &failed) || failed.Code != wsgate.Invalid {
				t.Errorf("got %v", err)
			}
			wstest.Quiet(ann, bob)
			wstest.Do(ann, say, "dropped")
			wstest.Drain(bob)
			wstest.Quiet(bob)
			wstest.Send(ann, kick, struct{}{})
			if reason := wstest.ExpectClose(ann, 4000); reason != "kicked" {
				t.Errorf("got %q", reason)
			}
			bob.Close(websocket.StatusNormalClosure, "bye")
			if n := app.Hub().Len(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
		}
		t.Run(name, test)
		t.Run(name+" in a bubble", func(t *testing.T) { synctest.Test(t, test) })
	}
}

func TestRefused(t *testing.T) {
	app := newApp(t)
	app.ExpectRefused(http.StatusUnauthorized, "/chat/go")
	app.ExpectRefused(http.StatusForbidden, "/chat/go?name=eve", http.Header{"banned": {"eve"}})
	app.ExpectRefused(http.StatusNotFound, "/other")
	app.ExpectRefused(http.StatusForbidden, "/chat/go?name=ann", http.Header{"Origin": {"https://elsewhere.example"}})
}

// Raw messages of either kind go both ways.
func TestRawMessages(t *testing.T) {
	app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *echo { return &echo{} }}}})
	client := app.Dial("/")
	for _, m := range []wsgate.Message{wsgate.Text("as it is"), {Type: websocket.MessageBinary, Data: []byte{0, 1, 255}}} {
		client.Send(m)
		if got := client.Next(); got.Type != m.Type || string(got.Data) != string(m.Data) {
			t.Errorf("got %v, want %v", got, m)
		}
	}
}

type echo struct{}

func (*echo) OnMessage(_ context.Context, c *conn, m wsgate.Message) error { return c.Send(m) }

// NewConn is a connection for one handler.
func TestNewConn(t *testing.T) {
	c, client := wstest.NewConn[member](t)
	c.Data.Name = "ann"
	if err := c.Join("room"); err != nil {
		t.Fatal(err)
	}
	g := newChat(&fakeStore{})
	if err := g.onSay(t.Context(), c, "to nobody"); err != nil {
		t.Error(err)
	}
	wstest.Quiet(client)
	if err := said.Emit(c, line{"bob", "to ann"}); err != nil {
		t.Error(err)
	}
	if got := wstest.Next(client, said); got != (line{"bob", "to ann"}) {
		t.Errorf("got %v", got)
	}
}

// A service that is private to a module is replaced as well; a type that nothing provides is a mistake.
func TestReplace(t *testing.T) {
	private := &wsgate.Module{Private: []any{newStore}, Gateways: []wsgate.Route{{Path: "/", New: newChat}}}
	fake := &fakeStore{lines: []line{{"a", "b"}}}
	app := wstest.New(t, private, wstest.Replace[store](fake))
	if got := wstest.Ask(app.Dial("/?name=x"), history, 1); len(got) != 1 || got[0] != fake.lines[0] {
		t.Errorf("got %v", got)
	}
	failure := failureOf(func(t testing.TB) { wstest.New(t, private, wstest.Replace[store](fake), wstest.Replace(&realStore{})) })
	for _, want := range []string{"Replace of *wstest_test.realStore, which nothing provides", "wstest_test.go:"} {
		if !strings.Contains(failure, want) {
			t.Errorf("got %q, want %q", failure, want)
		}
	}
}

// Pass is for fake time only: outside of a bubble it says so at once.
func TestPassOutsideOfABubble(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it waited for real time")
		}
	}()
	wstest.Pass(time.Hour)
}
