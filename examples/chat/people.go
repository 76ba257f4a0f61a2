package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// This file is who is who and who is where. Every change is announced while Chat.mu is held, which sending allows
// because it never blocks: so everybody hears of the changes in one order, and a list of people that somebody gets
// fits the changes they hear after it.

// watchers is the room of those who asked for the room list. It cannot be a chat room, see roomKey.
const watchers = "watchers"

// roomKey returns the gateway's room for a chat room.
func roomKey(room string) string { return "room/" + room }

func (m Member) user() User { return User{ID: m.UserID, Username: m.Username} }

// arrive welcomes a new connection into the lobby. The welcome is the first thing it hears.
func (g *Chat) arrive(c *conn) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	hello := Greeting{UserID: c.Data.UserID, Username: c.Data.Username, Room: lobby}
	if err := Welcome.Emit(c, hello); err != nil {
		return err
	}
	if err := c.Join(roomKey(lobby)); err != nil {
		return err
	}
	g.people[c.Data.UserID] = c
	return g.entered(c, lobby)
}

// depart takes a connection that has ended out of everything.
func (g *Chat) depart(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.people, c.Data.UserID)
	_ = g.exit(c) // the payloads are the ones that leaving sends: they encode
}

// move brings c from its room into another, "" for none, and tells who is there.
func (g *Chat) move(c *conn, room string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var told error
	if room != c.Data.Room {
		if room != "" {
			if err := c.Join(roomKey(room)); err != nil {
				return err
			}
		}
		told = g.exit(c)
		if room != "" {
			told = errors.Join(told, g.entered(c, room))
		}
	}
	if room == "" {
		return told
	}
	return errors.Join(told, Present.Emit(c, g.present(c, room)))
}

// call gives c another name.
func (g *Chat) call(c *conn, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	change := NameChange{From: c.Data.Username, FromID: c.Data.UserID, Username: name, Room: c.Data.Room}
	c.Data.Username = name
	if change.Room == "" {
		return Renamed.Emit(c, change)
	}
	return Renamed.Emit(c.Room(roomKey(change.Room)), change)
}

// find returns the connection of a user, nil if there is none.
func (g *Chat) find(userID string) *conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.people[userID]
}

// usersIn returns who is in a room.
func (g *Chat) usersIn(c *conn, room string) Users {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.present(c, room)
}

// listRooms returns the rooms that somebody is in or that something was said in, and the lobby; and has c hear of
// changes from now on.
func (g *Chat) listRooms(ctx context.Context, c *conn, _ struct{}) (Rooms, error) {
	if err := c.Join(watchers); err != nil {
		return Rooms{}, err
	}
	last, err := g.store.Rooms(ctx, maxListedRows)
	if err != nil {
		return Rooms{}, err
	}
	users := g.occupied()
	names := map[string]bool{lobby: true}
	for name := range last {
		names[name] = true
	}
	for name := range users {
		names[name] = true
	}
	rows := make([]RoomRow, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		rows = append(rows, RoomRow{Name: name, Users: users[name], Last: last[name]})
	}
	return Rooms{Rooms: rows}, nil
}

// occupied returns how many people are in each room that has any.
func (g *Chat) occupied() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	users := make(map[string]int)
	for _, c := range g.people {
		if c.Data.Room != "" {
			users[c.Data.Room]++
		}
	}
	return users
}

// entered announces c, which has joined the room's connections. g.mu is held, as for the next two.
func (g *Chat) entered(c *conn, room string) error {
	c.Data.Room = room
	came := Movement{From: c.Data.Username, FromID: c.Data.UserID, Room: room}
	return errors.Join(
		Joined.Emit(c.Room(roomKey(room)).Except(c), came),
		g.recount(c, room),
	)
}

// exit takes c out of its room, if it is in one, and tells the others.
func (g *Chat) exit(c *conn) error {
	room := c.Data.Room
	if room == "" {
		return nil
	}
	c.Data.Room = ""
	c.Leave(roomKey(room))
	went := Movement{From: c.Data.Username, FromID: c.Data.UserID, Room: room}
	return errors.Join(
		Left.Emit(c.Room(roomKey(room)), went),
		g.recount(c, room),
	)
}

// recount tells those who watch the rooms how many people are in one.
func (g *Chat) recount(c *conn, room string) error {
	return RoomChanged.Emit(c.Room(watchers), RoomRow{Name: room, Users: c.Room(roomKey(room)).Len()})
}

// present returns who is in a room. g.mu is held.
func (g *Chat) present(c *conn, room string) Users {
	users := []User{} // [] in JSON, not null
	for other := range c.Room(roomKey(room)).Conns() {
		users = append(users, other.(*conn).Data.user())
	}
	slices.SortFunc(users, func(a, b User) int {
		return cmp.Or(strings.Compare(a.Username, b.Username), strings.Compare(a.ID, b.ID))
	})
	return Users{Room: room, Users: users}
}
