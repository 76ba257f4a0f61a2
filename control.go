package wsgate

import (
	"github.com/wsgate/wsgate/internal/envelope"
)

// control handles a message of the protocol itself, whose name begins with "$". Such messages are not events: no
// middleware sees them.
func (c *conn) control() {
	name := string(c.exchange.inbound.Type)
	switch {
	case name == envelope.Refresh && c.route.token != nil:
		c.refreshAsked()
	case name == envelope.Reconnect:
		if c.exchange.inbound.ID == nil {
			c.moving.Store(true)
		}
		c.handled(Inbound{Hook: HookEvent, Event: name}, nil) // it is answered, which shows that the connection is open
	default:
		c.handled(Inbound{Hook: HookEvent, Event: name}, Errorf(UnknownEvent, "unknown event %q", shortName(name)))
	}
}

// sendControl sends a message of the protocol itself.
func (c *conn) sendControl(name string, payload any) error {
	return c.encodeControl(name, nil, payload)
}

// answerControl answers a message of the protocol itself.
func (c *conn) answerControl(payload any) error {
	return c.encodeControl(string(c.exchange.inbound.Type), c.exchange.inbound.ID, payload)
}

func (c *conn) encodeControl(name string, id []byte, payload any) error {
	m, err := c.route.names.Control(name, id, payload)
	if err != nil {
		return err
	}
	return c.t.Send(m)
}
