// Package contender holds the servers under test, one small file each.
//
// Every server offers the same three paths, each the way the library's own
// documentation recommends for speed, without compression and with the default
// buffer sizes:
//
//	/echo         sends each message back to its sender
//	/json         decodes each message and sends back an encoding of what it said
//	/room/{name}  sends each message to every connection on the same path, the sender too
package contender

import (
	"net"
	"slices"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Family says what a contender is compared as.
type Family int

const (
	Ours    Family = iota // this library
	GoPeer                // another Go library
	Foreign               // another runtime
)

// Contender is one server under test. It has Serve or Script.
type Contender struct {
	Name    string
	About   string // one sentence for the report
	Module  string // the Go module or npm package it measures
	Family  Family
	Dialect wire.Dialect

	// Serve serves on ln until the process ends.
	Serve func(ln net.Listener) error
	// Script is the embedded program that Runtime runs with Args.
	Script  string
	Runtime string // "bun" or "node"
	Args    []string

	// Workloads lists the ones the contender takes part in, nil for all.
	Workloads []string
}

// Takes reports whether the contender takes part in a workload.
func (c *Contender) Takes(workload string) bool {
	return c.Workloads == nil || slices.Contains(c.Workloads, workload)
}

// All are the contenders in the order of the report.
func All() []*Contender {
	return []*Contender{
		Wsgate, WsgateTyped,
		GWS, GorillaPrepared, GorillaJoined, Melody, Nbio, NbioMixed, Centrifuge, Coder,
		Bun, BunLoop, NodeWS,
	}
}

// Find returns the contender of that name, or nil.
func Find(name string) *Contender {
	for _, c := range append(All(), Watched...) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// inRooms are the workloads with rooms, for variants that differ in nothing else.
var inRooms = []string{"broadcast-16", "broadcast-1", "broadcast-4k", "rooms", "steady", "stalled"}

// Names lists the contenders.
func Names() []string {
	var names []string
	for _, c := range append(All(), Watched...) {
		names = append(names, c.Name)
	}
	return names
}

// The paths, as the workloads use them.
const (
	PathEcho = "/echo"
	PathJSON = "/json"
	PathRoom = "/room/"
)
