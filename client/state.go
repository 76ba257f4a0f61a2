package client

import (
	"fmt"
	"time"
)

// State is what a client is doing.
type State struct {
	Phase Phase
	Err   error         // why the last connection or attempt has ended; nil if there was none, and while Connected
	Wait  time.Duration // until the next attempt, while Waiting
}

// Phase is the kind of a [State].
type Phase int

// The phases of a client. Closed is final.
const (
	Idle Phase = iota // before Dial
	Connecting
	Connected
	Waiting
	Closed
)

func (p Phase) String() string {
	names := [...]string{"idle", "connecting", "connected", "waiting", "closed"}
	if p < 0 || int(p) >= len(names) {
		return fmt.Sprintf("Phase(%d)", int(p))
	}
	return names[p]
}
