package nodes_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// newSharedBroker returns a broker for all nodes of a test.
func newSharedBroker(t testing.TB) *kit.Broker {
	b := kit.NewBroker(t, new(local.Broker))
	b.Shared = true
	return b
}

// abuseConns returns the connections of an App, in no order.
func abuseConns(app *wstest.App) []wsgate.AnyConn { return slices.Collect(app.Hub().Conns()) }

// abuseDial connects a client, and returns the App's end as well.
func abuseDial(app *wstest.App, path string) (*wstest.Client, wsgate.AnyConn) {
	before := abuseConns(app)
	client := app.Dial(path)
	after := slices.DeleteFunc(abuseConns(app), func(c wsgate.AnyConn) bool { return slices.Contains(before, c) })
	return client, after[0]
}

var errAbuseRefused = errors.New("too many subscriptions")

// Of several rooms none is joined if the engine refuses one of them, and nothing is left of the attempt.
func TestAbuseJoinIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		refuse func(ctx context.Context, topic string) error
		took   time.Duration
	}{
		{"refused", func(_ context.Context, topic string) error {
			if strings.HasSuffix(topic, ".c") {
				return errAbuseRefused
			}
			return nil
		}, 0},
		{"silent", func(ctx context.Context, topic string) error {
			if strings.HasSuffix(topic, ".c") {
				<-ctx.Done()
				return fmt.Errorf("%w: %w", errAbuseRefused, ctx.Err())
			}
			return nil
		}, 5 * time.Second},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			broker := newSharedBroker(t)
			apps := startNodes(t, broker, 2)
			client := apps[0].Dial("/ws")
			c := abuseConns(apps[0])[0]
			if err := c.Join("before"); err != nil {
				t.Fatal(err)
			}
			broker.Before("Subscribe", test.refuse)
			begin := time.Now()
			err := c.Join("b", "before", "d", "c", "a")
			if !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errAbuseRefused) || !strings.Contains(err.Error(), `"c"`) {
				t.Errorf("got %v, want ErrBroker, why, and the room", err)
			}
			if took := time.Since(begin); took != test.took {
				t.Errorf("Join took %v, want %v", took, test.took)
			}
			if got := c.Rooms(); !slices.Equal(got, []string{"before"}) {
				t.Errorf("got the rooms %q, want what it was", got)
			}
			if err := wstest.TryDo(client, enter, "c"); err == nil || err.(*wsgate.Error).Code != wsgate.Unavailable {
				t.Errorf("the client got %v, want unavailable", err)
			}
			emit := func(rooms ...string) {
				for _, room := range rooms {
					if err := heard.Emit(apps[1].Hub().At("/ws").Room(room), room); err != nil {
						t.Error(err)
					}
				}
			}
			emit("a", "b", "c", "d")
			wstest.Quiet(client)
			wstest.Pass(5 * time.Second)
			if got, want := broker.SubscribedByApps(), []string{"room.=2Fws.before", "route.=2Fws"}; !slices.Equal(got, want) {
				t.Errorf("subscribed to %q, want %q", got, want)
			}
			broker.Before("Subscribe", nil)
			if err := c.Join("a", "b", "c", "d"); err != nil {
				t.Error(err)
			}
			emit("c", "a", "before")
			for _, want := range []string{"c", "a", "before"} {
				if got := wstest.Next(client, heard); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

// An engine that refuses what a connection needs refuses the upgrade, which then costs nothing.
func TestAbuseUpgradeIsRefused(t *testing.T) {
	for _, refused := range []string{"route.", "user."} {
		kit.Bubble(t, refused, func(t *testing.T) {
			broker := newSharedBroker(t)
			app := startNodes(t, broker, 1, func(o *wsgate.Options) { o.Limits.UserConnections, o.Limits.Connections = 1, 1 })[0]
			broker.Before("Subscribe", func(_ context.Context, topic string) error {
				if strings.HasPrefix(topic, refused) {
					return errAbuseRefused
				}
				return nil
			})
			for range 3 {
				resp := app.ExpectRefused(http.StatusServiceUnavailable, "/ws?name=ann")
				if resp.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			wstest.Pass(5 * time.Second)
			if got := broker.SubscribedByApps(); len(got) > 0 {
				t.Errorf("subscribed to %q, want nothing", got)
			}
			broker.Before("Subscribe", nil)
			wstest.Quiet(app.Dial("/ws?name=ann"))
		})
	}
}

// abuseValue and abusePointer are users by methods with different receivers.
type (
	abuseValue   struct{ id string }
	abusePointer struct{ id string }
)

func (u abuseValue) UserID() string    { return u.id }
func (u *abusePointer) UserID() string { return u.id }

// abuseGateway takes users as they say who they are.
type abuseGateway[D any] struct{ user func(id string) D }

func (g *abuseGateway[D]) OnUpgrade(r *http.Request) (D, error) {
	return g.user(r.FormValue("id")), nil
}

func (g *abuseGateway[D]) OnMessage(context.Context, *wsgate.Conn[D], wsgate.Message) error {
	return nil
}

// Whatever the method's receiver and the data are, the user is the one that it returns.
func TestAbuseUserReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := kit.NewApp(t, nil,
			kit.RouteTo("/value", &abuseGateway[abuseValue]{func(id string) abuseValue { return abuseValue{id} }}),
			kit.RouteTo("/pointer", &abuseGateway[abusePointer]{func(id string) abusePointer { return abusePointer{id} }}),
			kit.RouteTo("/to-value", &abuseGateway[*abuseValue]{func(id string) *abuseValue { return &abuseValue{id} }}),
			kit.RouteTo("/to-pointer", &abuseGateway[*abusePointer]{func(id string) *abusePointer { return &abusePointer{id} }}),
			kit.RouteTo("/interface", &abuseGateway[interface{ UserID() string }]{func(id string) interface{ UserID() string } {
				if id == "" {
					return nil
				}
				return abuseValue{id}
			}}),
			kit.RouteTo("/nobody", &abuseGateway[struct{ id string }]{func(id string) struct{ id string } { return struct{ id string }{id} }}),
		)
		paths := []string{"/value", "/pointer", "/to-value", "/to-pointer", "/interface", "/nobody"}
		for _, path := range paths {
			kit.Dial(t, app, path+"?id=ann")
			kit.Dial(t, app, path+"?id=")
		}
		synctest.Wait()
		for _, path := range paths {
			want := 1
			if path == "/nobody" {
				want = 0
			}
			if got := app.Hub().User("ann").At(path).Len(); got != want {
				t.Errorf("%s: ann has %d connections, want %d", path, got, want)
			}
			if got := app.Hub().User("").At(path).Len(); got != 0 {
				t.Errorf("%s: nobody has %d connections", path, got)
			}
		}
		if got := app.Hub().User("ann").Len(); got != len(paths)-1 {
			t.Errorf("ann has %d connections, want %d", got, len(paths)-1)
		}
	})
}

// An id that is none refuses the upgrade, says why in the log, and costs nobody a place.
func TestAbuseUserIDs(t *testing.T) {
	ids := map[string]func() string{
		"256 bytes":     func() string { return strings.Repeat("x", 256) },
		"not UTF-8":     func() string { return "\xff" },
		"cut in a rune": func() string { return strings.Repeat("ü", 100)[:101] },
		"panics":        func() string { panic("who are you?") },
	}
	for name, id := range ids {
		kit.Bubble(t, name, func(t *testing.T) {
			broker := newSharedBroker(t)
			gateway := &abuseGateway[abuseLazy]{func(name string) abuseLazy {
				if name == "good" {
					return func() string { return strings.Repeat("ü", 127) + "x" }
				}
				return id
			}}
			app := kit.NewApp(t, &wsgate.Options{Broker: broker, Limits: wsgate.Limits{UserConnections: 1, Connections: 1}}, kit.RouteTo("/ws", gateway))
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if resp := kit.DialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
					t.Errorf("got status %d, want 500", resp.StatusCode)
				}
			}
			if got := app.Log.With("upgrade failed", "path=/ws"); len(got) != 3 {
				t.Errorf("logged %q, want 3 lines", got)
			}
			if got := broker.SubscribedByApps(); len(got) > 0 {
				t.Errorf("subscribed to %q, want nothing", got)
			}
			kit.Dial(t, app, "/ws?id=good")
		})
	}
}

type abuseLazy func() string

func (u abuseLazy) UserID() string { return u() }

// A handshake that fails when the user has its place already gives it back.
func TestAbuseFailedHandshake(t *testing.T) {
	for _, oldest := range []bool{false, true} {
		kit.Bubble(t, fmt.Sprintf("close the oldest %v", oldest), func(t *testing.T) {
			broker := newSharedBroker(t)
			app := startNodes(t, broker, 1, func(o *wsgate.Options) { o.Limits.UserConnections, o.CloseOldest = 1, oldest })[0]
			for _, fail := range []func() (net.Conn, *bufio.ReadWriter, error){
				func() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errors.New("no connection") },
				func() (net.Conn, *bufio.ReadWriter, error) {
					client, server := net.Pipe()
					client.Close() // before the answer
					return server, bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)), nil
				},
			} {
				for range 3 {
					_, _, err := memory.Dial(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						app.ServeHTTP(abuseHijacker{w, fail}, r)
					}), "/ws?name=ann", nil)
					if err == nil {
						t.Error("got a connection")
					}
				}
			}
			wstest.Pass(5 * time.Second)
			if got := broker.SubscribedByApps(); len(got) > 0 {
				t.Errorf("subscribed to %q, want nothing", got)
			}
			client := app.Dial("/ws?name=ann")
			if oldest {
				app.Dial("/ws?name=ann")
				wstest.ExpectClose(client, wsgate.StatusReplaced)
				return
			}
			app.ExpectRefused(http.StatusTooManyRequests, "/ws?name=ann")
			wstest.Quiet(client)
		})
	}
}

// abuseHijacker is a ResponseWriter whose connection cannot be had.
type abuseHijacker struct {
	http.ResponseWriter
	fail func() (net.Conn, *bufio.ReadWriter, error)
}

func (h abuseHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.fail() }
