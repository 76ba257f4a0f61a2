//go:build linux

// Package load makes the traffic of the workloads, counts what comes back and
// measures what it costs the server.
//
// It has to be much cheaper than any server, or it would measure itself: one
// thread over epoll, frames that are built once, no allocation and no copy for
// a message. It still looks at every message: at its size and at its sequence
// number, so that a server which loses, doubles or reorders anything fails its
// measurement.
package load

import (
	"time"

	"github.com/wsgate/wsgate/bench/internal/server"
	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Target is a running server and how it is spoken to.
type Target struct {
	Server  *server.Process
	Dialect wire.Dialect
}

func (t Target) dialer() dialer { return dialer{t.Server.Addr(), t.Dialect} }

// Times bounds one measurement.
type Times struct {
	WarmUp  time.Duration // traffic before the measurement
	Measure time.Duration
}

// Figures are what a measurement found. What does not apply is zero.
type Figures struct {
	Checked uint64        // messages or connections checked, outside of the measured time, too
	Units   uint64        // messages, deliveries or connections in the measured time
	Rate    float64       // units per second
	CPU     time.Duration // the server's processor time in the measured time
	PerUnit float64       // of it for one unit, in microseconds
	Client  float64       // processor time of the load generator for a second, 1 is a whole core
	PerRead float64       // messages that one read of a client found

	P50, P99 time.Duration // from sending to delivery, or to the answer

	Before                 float64 // resident bytes for one connection, before the server collects its garbage
	Resident, Heap, Stacks float64 // bytes for one connection
}
