package wstest

import (
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
)

// NextExpiring waits until the App asks the client for a token since its session ends soon, and returns how long the
// session still has. [Next], [Quiet] and the like do not see that question, nor other messages of the protocol itself.
func NextExpiring(c *Client) time.Duration {
	c.t.Helper()
	return leftOf(nextControl[envelope.TimeLeft](c, envelope.Expiring))
}

// Refresh sends a token for the client's session, as a client does that was asked for it or has a new one, and returns
// how long the session then has, 0 for no end. If the answer is an error, the test ends; see [TryRefresh].
func Refresh(c *Client, token string) time.Duration {
	c.t.Helper()
	return startRefresh(c, token).Wait()
}

// TryRefresh is [Refresh] for a token that may be refused with an error: an [*wsgate.Error].
func TryRefresh(c *Client, token string) (time.Duration, error) {
	c.t.Helper()
	return startRefresh(c, token).TryWait()
}

func startRefresh(c *Client, token string) *Pending[time.Duration] {
	c.t.Helper()
	return start(c, envelope.Refresh, envelope.Token{Token: token}, func(c *Client, m wsgate.Message) time.Duration {
		c.t.Helper()
		return leftOf(decode[envelope.TimeLeft](c, m))
	})
}

func leftOf(left envelope.TimeLeft) time.Duration {
	if left.In == nil {
		return 0
	}
	return time.Duration(*left.In) * time.Second
}
