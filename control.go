package wsgate

// control handles a message of the protocol itself, whose name begins with "$". Such messages are not events: no
// middleware sees them.
func (c *conn) control() {
	name := string(c.exchange.inbound.Type)
	in := Inbound{Hook: HookEvent, Event: name}
	c.handled(in, Errorf(UnknownEvent, "unknown event %q", shortName(name)))
}

// sendControl sends a message of the protocol itself.
func (c *conn) sendControl(name string, payload any) error {
	m, err := c.route.names.Control(name, nil, payload)
	if err != nil {
		return err
	}
	return c.t.Send(m)
}
