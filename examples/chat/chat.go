package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/wsgate/wsgate"
)

// Chat is the gateway: one value for all connections.
type Chat struct {
	store *Store

	mu     sync.Mutex       // guards following, and the writing of every member's Data
	people map[string]*conn // by user id
}

// Member is what the chat knows about one connection. It is written by the member's own hooks while they hold Chat.mu;
// so these read it freely, and everybody else while they hold Chat.mu.
type Member struct {
	UserID   string
	Username string
	Room     string // "" between leaving one room and joining another
}

type conn = wsgate.Conn[Member]

var (
	_ wsgate.Upgrader[Member]     = (*Chat)(nil)
	_ wsgate.Opener[Member]       = (*Chat)(nil)
	_ wsgate.EventHandler[Member] = (*Chat)(nil)
	_ wsgate.Closer[Member]       = (*Chat)(nil)
)

// NewChat returns a chat without people, which keeps what they say in the store.
func NewChat(store *Store) *Chat {
	return &Chat{store: store, people: make(map[string]*conn)}
}

// OnUpgrade takes the name from ?username=.
func (g *Chat) OnUpgrade(r *http.Request) (Member, error) {
	m := Member{UserID: rand.Text(), Username: anonymous}
	if name := r.URL.Query().Get("username"); strings.TrimSpace(name) != "" {
		var err error
		if m.Username, err = checkName("username", name); err != nil {
			return Member{}, err
		}
	}
	return m, nil
}

// OnOpen welcomes the newcomer and brings them into the lobby.
func (g *Chat) OnOpen(_ context.Context, c *conn) error { return g.arrive(c) }

// OnClose tells the others.
func (g *Chat) OnClose(_ context.Context, c *conn, _ error) { g.depart(c) }

// Events is what members may send.
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.On(Join, g.join),
		wsgate.On(Leave, g.leave),
		wsgate.On(Say, g.say),
		wsgate.On(Whisper, g.whisper),
		wsgate.On(Rename, g.rename),
		wsgate.Answer(ListUsers, g.listUsers),
		wsgate.Answer(History, g.history),
		wsgate.Answer(ListRooms, g.listRooms),
	}
}

func (g *Chat) join(_ context.Context, c *conn, in RoomName) error {
	room, err := checkName("room", in.Room)
	if err != nil {
		return err
	}
	return g.move(c, room)
}

func (g *Chat) leave(_ context.Context, c *conn, in RoomName) error {
	room, err := checkName("room", in.Room)
	if err != nil {
		return err
	}
	if room != c.Data.Room {
		return wsgate.Errorf(wsgate.Conflict, "you are not in that room")
	}
	return g.move(c, "")
}

// say saves first: what somebody has heard is in the history.
func (g *Chat) say(ctx context.Context, c *conn, in Speech) error {
	room := c.Data.Room
	if err := checkText(in.Text); err != nil {
		return err
	}
	if room == "" {
		return wsgate.Errorf(wsgate.Conflict, "join a room first")
	}
	line, err := g.store.Save(ctx, room, c.Data.user(), in.Text)
	if err != nil {
		return err
	}
	row := RoomRow{Name: room, Users: c.Room(roomKey(room)).Len(), Last: line.Seq}
	return errors.Join(
		Said.Emit(c.Room(roomKey(room)), line),
		RoomChanged.Emit(c.Room(watchers), row),
	)
}

func (g *Chat) whisper(_ context.Context, c *conn, in PrivateSpeech) error {
	if err := checkText(in.Text); err != nil {
		return err
	}
	line := PrivateLine{
		From: c.Data.Username, FromID: c.Data.UserID, To: in.To, Text: in.Text,
		At: time.Now().UTC().Truncate(time.Millisecond),
	}
	to := g.find(in.To)
	if to == nil || Whispered.Emit(to, line) != nil {
		return wsgate.Errorf(wsgate.NotFound, "nobody here has that user id")
	}
	if to == c {
		return nil
	}
	return Whispered.Emit(c, line)
}

func (g *Chat) rename(_ context.Context, c *conn, in NewName) error {
	name, err := checkName("username", in.Username)
	if err != nil {
		return err
	}
	return g.call(c, name)
}

func (g *Chat) listUsers(_ context.Context, c *conn, in RoomName) (Users, error) {
	room, err := checkName("room", in.Room)
	if err != nil {
		return Users{}, err
	}
	return g.usersIn(c, room), nil
}

func (g *Chat) history(ctx context.Context, _ *conn, in HistoryQuestion) (RoomLines, error) {
	room, err := checkName("room", in.Room)
	if err != nil {
		return RoomLines{}, err
	}
	switch {
	case in.Limit == 0:
		in.Limit = defaultLines
	case in.Limit < 0 || in.Limit > maxLines:
		return RoomLines{}, wsgate.Errorf(wsgate.Invalid, "limit is 1 to %d, not %d", maxLines, in.Limit)
	}
	lines, err := g.store.History(ctx, room, in.Limit)
	return RoomLines{Room: room, Messages: lines}, err
}
