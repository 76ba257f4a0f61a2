package wsgate_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
)

// Where nobody can be, by a mistake in the program, sending is an error. As it may be dropped, and as Len and Conns have
// none, the log has it as well: once for each line.
func TestMistakesOfWhereToSend(t *testing.T) {
	var log bytes.Buffer
	build := func(routes ...wsgate.Route) *wsgate.Hub {
		app, err := wsgate.New(&wsgate.Module{Gateways: routes}, &wsgate.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { app.Shutdown(context.Background()) })
		return app.Hub()
	}
	hub := build(routeTo("/ws", &messageGateway{}))
	users := build(routeTo("/ws", &messageGateway{}), wsgate.Route{Path: "/users", New: func() *userGateway { return &userGateway{} }})
	for _, test := range []struct {
		name, where string
		use         func()
		want        []string
	}{
		{"At", at("at nowhere"), func() {
			hub.At("/nowhere").Send(wsgate.Text("hello")) // at nowhere
		}, []string{"Hub.At of a path that no route has", "/nowhere", "there are /ws"}},
		{"Len", at("len of nowhere"), func() {
			if n := hub.At("/nowhere").Room("x").Len(); n != 0 { // len of nowhere
				t.Errorf("%d connections nowhere", n)
			}
		}, []string{"Hub.At of a path that no route has"}},
		{"User", at("nobody"), func() {
			hub.User("ann").Send(wsgate.Text("hello")) // nobody
		}, []string{"Hub.User without users", "UserID() string"}},
		{"User.Len", at("len of nobody"), func() {
			if n := hub.User("ann").Len(); n != 0 { // len of nobody
				t.Errorf("%d connections of nobody", n)
			}
		}, []string{"Hub.User without users"}},
		{"User.At", at("no user there"), func() {
			users.User("ann").At("/ws").Send(wsgate.Text("hello")) // no user there
		}, []string{"Hub.User of a route without users", "/ws"}},
		{"User.At.Room", at("room of a user"), func() {
			users.User("ann").At("/users").Room("x").Send(wsgate.Text("hello")) // room of a user
		}, []string{"a room of a user's connections"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log.Reset()
			for range 3 {
				test.use()
			}
			checkText(t, log.String(), append(test.want, "level=ERROR", "caller="+test.where)...)
			if lines := strings.Count(log.String(), "\n"); lines != 1 {
				t.Errorf("got %d lines, want one:\n%s", lines, log.String())
			}
		})
	}
	log.Reset()
	users.At("/users").Len()
	users.User("ann").Len()
	users.User("ann").At("/users").Send(wsgate.Text("hello"))
	hub.At("/ws").Room("x").Send(wsgate.Text("hello"))
	if log.Len() > 0 {
		t.Errorf("what is right is logged:\n%s", log.String())
	}
}

// userGateway is a gateway whose connections belong to users.
type userGateway struct{}

type userData string

func (u userData) UserID() string { return string(u) }

func (*userGateway) OnClose(context.Context, *wsgate.Conn[userData], error) {}
