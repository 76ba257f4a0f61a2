package wsgate

import "github.com/wsgate/wsgate/internal/text"

// Join adds the connection to rooms of its gateway. Joining a room twice is the same as joining it once. It returns an
// [*Error] with code [Invalid] for a name that is empty, too long or not a line of valid UTF-8 (it has control
// characters or line breaks), [ErrLimit] for more rooms than [Limits].Rooms, and [ErrClosed] once OnClose has
// returned. With any of these errors, it has joined none of the rooms.
//
// With [Options].Broker, when Join returns, everything that other nodes send to the rooms from then on will arrive. If
// nobody else on this node is in the room, that takes one round trip to the message broker. If the message broker does
// not confirm within 5 s, or refuses, the error is [ErrBroker]. While the message broker is away, Join returns at once
// without an error, and what other nodes send arrives when it is back. If the gateway has [Track], joining a room
// again renews the user's metadata.
func (c *conn) Join(rooms ...string) error {
	for _, name := range rooms {
		if err := c.route.checkRoomName(name); err != nil {
			return err
		}
	}
	metas, err := c.metasOf(rooms)
	if err != nil {
		return err
	}
	return c.member.Join(rooms, metas)
}

// Leave takes the connection out of rooms. Leaving a room that it is not in does nothing.
func (c *conn) Leave(rooms ...string) { c.member.Leave(rooms) }

// Rooms returns the names of the rooms that the connection is in, sorted.
func (c *conn) Rooms() []string { return c.member.Rooms() }

// checkRoomName returns an error for an invalid room name.
func (rt *route) checkRoomName(name string) error {
	switch max := rt.limits.RoomName; {
	case name == "":
		return Errorf(Invalid, "a room's name must not be empty")
	case len(name) > max:
		return Errorf(Invalid, "a room's name has at most %d bytes, not %d", max, len(name))
	case !text.IsLine(name):
		return Errorf(Invalid, "a room's name %s", text.NotLine)
	}
	return nil
}
