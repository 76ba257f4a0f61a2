package client

import "github.com/wsgate/wsgate/internal/envelope"

// control handles a message of the protocol itself, whose name begins with "$". It ignores what it does not know: the
// server may be newer.
func (l *link) control(in *envelope.Inbound) {
	switch string(in.Type) {
	case envelope.Expiring:
	}
}
