package envelope

import (
	"encoding/json"
	"reflect"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/text"
)

// Control messages are those of the protocol itself. Their names begin with "$", so no event has one. A receiver ignores,
// or refuses, those that it does not know: the other side may be newer.
const (
	Expiring = "$expiring" // from the server: the session ends soon; the payload is a [TimeLeft]
	Refresh  = "$refresh"  // from a client: a token for the session, a [Token]; the answer's payload is a [TimeLeft]

	// Reconnect is from a server that will close the connection: connect elsewhere, and close this one then. A client that
	// does so sends it back.
	Reconnect = "$reconnect"
)

// TimeLeft is how long a session goes on.
type TimeLeft struct {
	In *int64 `json:"in,omitempty"` // in seconds; nil for no end
}

// Token is what shows that a session may go on.
type Token struct {
	Token string `json:"token"`
}

// IsControl reports whether a received message is of the protocol itself, rather than an event or an error.
func (in *Inbound) IsControl() bool { return text.IsControl(string(in.Type)) }

// Control returns the text message of a control message, or of the answer to one if id is not nil.
func (n *Names) Control(name string, id []byte, payload any) (*frame.Message, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	return n.Encode(name, id, n.ShapeOf(reflect.TypeOf(payload)), body)
}
