package wstest

import (
	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
)

// keepControl stores a message of the protocol itself, whose name begins with "$". It reports false for any other
// message. The caller holds mu.
func (c *Client) keepControl(m wsgate.Message) bool {
	if c.raw || m.Type != websocket.MessageText {
		return false
	}
	var in envelope.Inbound
	names := c.names()
	if names.Parse(m.Data, &in) != nil || in.ID != nil || !in.IsControl() {
		return false
	}
	c.controls = append(c.controls, m)
	return true
}

// nextControl returns the payload of the next control message with that name.
func nextControl[T any](c *Client, name string) (payload T) {
	c.t.Helper()
	m, err := c.wait(func() (m wsgate.Message, ok bool) {
		for i, m := range c.controls {
			if event, _, _ := c.head(m); event == name {
				c.controls = append(c.controls[:i], c.controls[i+1:]...)
				return m, true
			}
		}
		return m, false
	})
	if err != nil {
		c.t.Fatalf("wstest: %s: got %s, want %q", c.name, describeEnd(err), name)
	}
	return decode[T](c, m)
}
