package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/wsgate/wsgate"
)

// Chat is the gateway: one value for all connections.
type Chat struct {
	hub   *wsgate.Hub
	store *Store
}

// Member is what the chat knows about one connection. Only the member's own hooks use it.
type Member struct {
	ID       string
	Username string
	Room     string // "" before the first and between two

	first string    // the room to begin in
	visit string    // which connection this is, of the person's
	typed time.Time // when the others were last told that they are typing
}

// UserID makes members known to Hub.User and to presence.
func (m Member) UserID() string { return m.ID }

func (m Member) movement(room string) Movement {
	return Movement{From: m.Username, FromID: m.ID, Room: room}
}

type conn = wsgate.Conn[Member]

var (
	_ wsgate.Upgrader[Member]     = (*Chat)(nil)
	_ wsgate.Opener[Member]       = (*Chat)(nil)
	_ wsgate.EventHandler[Member] = (*Chat)(nil)
	_ wsgate.Closer[Member]       = (*Chat)(nil)
)

// NewChat returns a chat that keeps what people say in the store.
func NewChat(hub *wsgate.Hub, store *Store) *Chat { return &Chat{hub, store} }

// OnUpgrade takes the person from the token, if there is one, the name from ?username= and the first room from ?room=. A
// room that cannot be is the lobby.
func (g *Chat) OnUpgrade(r *http.Request) (Member, error) {
	id, err := identify(r)
	if err != nil {
		return Member{}, err
	}
	m := Member{ID: id, Username: anonymous, first: lobby, visit: rand.Text()}
	if room, err := checkName("room", r.URL.Query().Get("room")); err == nil {
		m.first = room
	}
	if name := r.URL.Query().Get("username"); strings.TrimSpace(name) != "" {
		if m.Username, err = checkName("username", name); err != nil {
			return Member{}, err
		}
	}
	return m, nil
}

// OnOpen welcomes the newcomer, which is the first thing they hear, and brings them into their first room.
func (g *Chat) OnOpen(ctx context.Context, c *conn) error {
	if err := Welcome.Emit(c, Greeting{UserID: c.Data.ID, Username: c.Data.Username, Room: c.Data.first}); err != nil {
		return err
	}
	return g.move(ctx, c, c.Data.first)
}

// OnClose tells the others, unless the person has come back already: then the newer connection speaks for them.
func (g *Chat) OnClose(ctx context.Context, c *conn, _ error) {
	all, _ := people(ctx, c)
	now, there := all[c.Data.ID]
	switch {
	case !there || now.Visit == c.Data.visit:
		_ = g.move(ctx, c, "")
	case now.Room != c.Data.Room && c.Data.Room != "":
		_ = g.moved(ctx, c, c.Data.Room)
	}
}

// Events is what members may send, and what presence tells them.
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.Track(People, func(c *conn, _ string) (Person, bool) {
			return Person{Username: c.Data.Username, Room: c.Data.Room, Visit: c.Data.visit}, true
		}),
		wsgate.On(Join, g.join),
		wsgate.On(Leave, g.leave),
		wsgate.On(Say, g.say),
		wsgate.On(Whisper, g.whisper),
		wsgate.On(Rename, g.rename),
		wsgate.On(Type, g.typing),
		wsgate.Answer(ListUsers, g.listUsers),
		wsgate.Answer(History, g.history),
		wsgate.Answer(ListRooms, g.listRooms),
	}
}

func (g *Chat) join(ctx context.Context, c *conn, in RoomName) error {
	room, err := checkName("room", in.Room)
	if err != nil {
		return err
	}
	if room != c.Data.Room {
		if err := g.move(ctx, c, room); err != nil {
			return err
		}
	}
	here, err := usersIn(ctx, c, room)
	return errors.Join(err, Present.Emit(c, here))
}

func (g *Chat) leave(ctx context.Context, c *conn, in RoomName) error {
	room, err := checkName("room", in.Room)
	if err != nil {
		return err
	}
	if room != c.Data.Room {
		return wsgate.Errorf(wsgate.Conflict, "you are not in that room")
	}
	return g.move(ctx, c, "")
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
	line, err := g.store.Save(ctx, room, User{ID: c.Data.ID, Username: c.Data.Username}, in.Text)
	if err != nil {
		return err
	}
	users, err := wsgate.Count(ctx, c.Room(roomKey(room)))
	return errors.Join(
		known(err),
		tell(Said, c.Room(roomKey(room)), line),
		tell(RoomChanged, c.Room(watchers), RoomRow{Name: room, Users: users, Last: line.Seq}),
	)
}

func (g *Chat) whisper(ctx context.Context, c *conn, in PrivateSpeech) error {
	if err := checkText(in.Text); err != nil {
		return err
	}
	all, err := people(ctx, c)
	if err != nil {
		return err
	}
	if _, there := all[in.To]; !there {
		return wsgate.Errorf(wsgate.NotFound, "nobody here has that user id")
	}
	line := PrivateLine{
		From: c.Data.Username, FromID: c.Data.ID, To: in.To, Text: in.Text,
		At: time.Now().UTC().Truncate(time.Millisecond),
	}
	to := g.hub.User(in.To)
	err = Whispered.Emit(to, line)
	if errors.Is(err, wsgate.ErrBroker) && to.Len() == 0 {
		return wsgate.Errorf(wsgate.Unavailable, "this person cannot be reached at the moment")
	}
	if in.To != c.Data.ID {
		err = errors.Join(err, Whispered.Emit(c, line))
	}
	return known(err)
}

// typing tells those who would hear what is being typed. It is told again only after a while, and nobody keeps it.
func (g *Chat) typing(_ context.Context, c *conn, in Recipient) error {
	now := time.Now()
	if now.Sub(c.Data.typed) < typingPause {
		return nil
	}
	c.Data.typed = now
	told := TypingUser{From: c.Data.Username, FromID: c.Data.ID, Room: c.Data.Room}
	switch {
	case in.To != "":
		told.Room = ""
		return tell(Typing, g.hub.User(in.To), told)
	case c.Data.Room != "":
		return tell(Typing, c.Room(roomKey(c.Data.Room)).Except(c), told)
	}
	return nil
}

// rename joins again where c is: that tells presence the new name.
func (g *Chat) rename(_ context.Context, c *conn, in NewName) error {
	name, err := checkName("username", in.Username)
	if err != nil {
		return err
	}
	change := NameChange{From: c.Data.Username, FromID: c.Data.ID, Username: name, Room: c.Data.Room}
	c.Data.Username = name
	if err := c.Join(c.Rooms()...); err != nil {
		return err
	}
	if change.Room == "" {
		return Renamed.Emit(c, change)
	}
	return tell(Renamed, c.Room(roomKey(change.Room)), change)
}

func (g *Chat) listUsers(ctx context.Context, c *conn, in RoomName) (Users, error) {
	room, err := checkName("room", in.Room)
	if err != nil {
		return Users{}, err
	}
	return usersIn(ctx, c, room)
}

// listRooms has the asker hear of changes from now on.
func (g *Chat) listRooms(ctx context.Context, c *conn, _ struct{}) (Rooms, error) {
	if err := c.Join(watchers); err != nil {
		return Rooms{}, err
	}
	return g.rooms(ctx, c)
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
	if in.Before < 0 {
		return RoomLines{}, wsgate.Errorf(wsgate.Invalid, "before is the seq of a message, not %d", in.Before)
	}
	lines, err := g.store.History(ctx, room, in.Before, in.Limit)
	return RoomLines{Room: room, Messages: lines}, err
}
