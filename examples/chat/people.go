package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/wsgate/wsgate"
)

// This file is who is who and who is where. Nobody keeps that here: everybody is in the gateway's room "everybody", and
// presence says of each the name and the chat room, on all nodes alike. Handlers of different connections, and of
// different nodes, overlap; so what a list says and what is heard of its changes can cross. The People event is in
// order, and puts that right.

const (
	everybody = "everybody" // the room of all who are connected
	watchers  = "watchers"  // the room of those who asked for the room list
)

// roomKey returns the gateway's room for a chat room. It cannot be one of those above.
func roomKey(room string) string { return "room/" + room }

// move brings c from its room into another; "" is none, where everybody comes from and goes to. It tells who was there
// and who is.
func (g *Chat) move(ctx context.Context, c *conn, room string) error {
	from := c.Data.Room
	c.Data.Room = room
	rooms := []string{everybody} // to join it again is to tell where c is now
	if room != "" {
		rooms = append(rooms, roomKey(room))
	}
	if err := c.Join(rooms...); err != nil {
		c.Data.Room = from
		return err
	}
	var told []error
	if from != "" {
		told = append(told, g.moved(ctx, c, from))
	}
	if room != "" {
		told = append(told, tell(Joined, c.Room(roomKey(room)).Except(c), c.Data.movement(room)), recount(ctx, c, room))
	}
	return errors.Join(told...)
}

// moved takes c out of a room that the person is not in any more, and tells those who still are.
func (g *Chat) moved(ctx context.Context, c *conn, from string) error {
	c.Leave(roomKey(from))
	return errors.Join(tell(Left, c.Room(roomKey(from)), c.Data.movement(from)), recount(ctx, c, from))
}

// people returns all who are connected, to any node.
func people(ctx context.Context, c *conn) (map[string]Person, error) {
	all, err := wsgate.Members[Person](ctx, c.Room(everybody))
	return all, known(err)
}

// usersIn returns who is in a room.
func usersIn(ctx context.Context, c *conn, room string) (Users, error) {
	all, err := people(ctx, c)
	here := Users{Room: room, Users: []User{}} // [] in JSON, not null
	for id, p := range all {
		if p.Room == room {
			here.Users = append(here.Users, User{ID: id, Username: p.Username})
		}
	}
	slices.SortFunc(here.Users, func(a, b User) int {
		return cmp.Or(strings.Compare(a.Username, b.Username), strings.Compare(a.ID, b.ID))
	})
	return here, err
}

// rooms returns the rooms that somebody is in or that something was said in, and the lobby.
func (g *Chat) rooms(ctx context.Context, c *conn) (Rooms, error) {
	last, err := g.store.Rooms(ctx, maxListedRows)
	if err != nil {
		return Rooms{}, err
	}
	all, err := people(ctx, c)
	rows := map[string]RoomRow{lobby: {Name: lobby}}
	for name, seq := range last {
		rows[name] = RoomRow{Name: name, Last: seq}
	}
	for _, p := range all {
		if p.Room != "" {
			rows[p.Room] = RoomRow{Name: p.Room, Users: rows[p.Room].Users + 1, Last: last[p.Room]}
		}
	}
	byName := func(a, b RoomRow) int { return strings.Compare(a.Name, b.Name) }
	return Rooms{Rooms: slices.SortedFunc(maps.Values(rows), byName)}, err
}

// recount tells those who watch the rooms how many people are in one.
func recount(ctx context.Context, c *conn, room string) error {
	all, err := people(ctx, c)
	row := RoomRow{Name: room}
	for _, p := range all {
		if p.Room == room {
			row.Users++
		}
	}
	return errors.Join(err, tell(RoomChanged, c.Room(watchers), row))
}

// tell sends an event to people on all nodes. While the nodes do not reach each other it goes to those on this one, and
// that is no error: the chat goes on where it can.
func tell[T any](e wsgate.Event[T], to wsgate.Target, payload T) error {
	return known(e.Emit(to, payload))
}

// known returns err, unless it says that what was done or is known here is all that can be had now.
func known(err error) error {
	if errors.Is(err, wsgate.ErrBroker) || errors.Is(err, wsgate.ErrNoResponse) {
		return nil
	}
	return err
}
