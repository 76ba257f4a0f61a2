package wstest

import (
	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
)

// ExpectReconnect waits until the App, which shuts down, tells the client to connect elsewhere, and answers that the
// client does so. The client is then served until [Client.Close], or until [wsgate.Limits].Close is over and [ExpectClose]
// finds 1012. A client that does not answer is closed earlier, and one of a gateway that takes messages as they are is
// not told. [Next], [Quiet] and the like do not see what the client is told.
func ExpectReconnect(c *Client) {
	c.t.Helper()
	nextControl[struct{}](c, envelope.Reconnect)
	names := c.names()
	text, err := names.Text(envelope.Reconnect, nil, inspect.Value, nil)
	if err != nil {
		c.t.Fatalf("wstest: %s: %v", c.name, err)
	}
	c.Send(wsgate.Text(string(text)))
}
