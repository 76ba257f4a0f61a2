//go:build linux

package workload

import (
	"slices"

	"github.com/wsgate/wsgate/bench/internal/contender"
)

// All are the workloads in the order of the report.
func All() []Workload {
	return []Workload{
		{
			Name: "broadcast-16", Title: "Broadcast to 1,000 members, 16 outstanding", Unit: "delivery", Kind: Rate,
			Explain: "One member of a room of 1,000 keeps 16 messages of 128 bytes under way; the next one leaves when the " +
				"oldest has reached everybody. A busy room: a server that hands over everything that waits for a client in one " +
				"write gets by with far fewer system calls than deliveries.",
			run: broadcast(16, 128),
		},
		{
			Name: "broadcast-1", Title: "Broadcast to 1,000 members, 1 outstanding", Unit: "delivery", Kind: Rate,
			Explain: "The same with one message under way. Nothing ever waits, so every delivery costs one write, " +
				"and the kernel's share is the same for everybody.",
			run: broadcast(1, 128),
		},
		{
			Name: "broadcast-4k", Title: "Broadcast of 4 KiB to 1,000 members, 1 outstanding", Unit: "delivery", Kind: Rate,
			Explain: "The same with messages of 4 KiB: copying begins to count.",
			run:     broadcast(1, 4<<10),
		},
		{
			Name: "rooms", Title: "1,000 rooms of 10 members", Unit: "delivery", Kind: Rate,
			Explain: "10,000 connections; in 64 rooms at a time one member sends 128 bytes, and when all ten have them the " +
				"next room has its turn. Shows what finding a room costs, and what all the other connections do.",
			run: rooms,
		},
		{
			Name: "echo-16", Title: "Echo, 16 outstanding", Unit: "message", Kind: Rate,
			Explain: "100 connections, each with 16 messages of 64 bytes under way: pipelined requests.",
			run:     echo(contender.PathEcho, 16),
		},
		{
			Name: "echo-1", Title: "Echo, 1 outstanding", Unit: "message", Kind: Rate,
			Explain: "100 connections, each sends 64 bytes and waits for them: a read, a write and a wake-up for every message.",
			run:     echo(contender.PathEcho, 1),
		},
		{
			Name: "json-16", Title: "Typed echo, 16 outstanding", Unit: "message", Kind: Rate,
			Explain: "As echo-16, but the server decodes each JSON message, looks at its type and encodes the answer. wsgate-typed " +
				"does it with an event handler; wsgate and the other Go servers do it by hand with encoding/json, the JavaScript " +
				"ones with JSON.parse and JSON.stringify. wsgate-typed against wsgate is the price of typed events; against echo-16 " +
				"it is the price of JSON.",
			run: echo(contender.PathJSON, 16),
		},
		{
			Name: "steady", Title: "Delivery latency", Unit: "delivery", Kind: Latency,
			Explain: "999 members, one of them sends 4 KiB fifty times a second, however the server fares. The time is from the " +
				"sender's write to each member's read; a perfect server's median is half of the time that its 999 writes take.",
			run: paced(false),
		},
		{
			Name: "stalled", Title: "Delivery latency with one stalled member", Unit: "delivery", Kind: Latency,
			Explain: "As steady, with one member more, which never reads. More than its connection can buffer was sent before the " +
				"measurement, and enough is sent during it that a server with a bounded queue has to part with it. Compare with " +
				"steady: the 999 others should not notice.",
			run: paced(true),
		},
		{
			Name: "idle", Title: "10,000 idle connections", Unit: "connection", Kind: Memory,
			Explain: "10,000 connections have sent one message each and have been silent for 5 s. What the process holds for one of them: its " +
				"resident memory, and for Go the live heap and the goroutine stacks in it. Before measuring, the server collects " +
				"its garbage and returns what is free, so the figures are what connections hold, not what handshakes left behind.",
			run: idle,
		},
		{
			Name: "rare", Title: "10,000 connections, each with a message every 5 s", Unit: "message", Kind: Seldom,
			Explain: "One connection after the other sends 64 bytes and has them back before the next one sends, evenly spread, so each message " +
				"finds a server that has nothing to do. A server that keeps nothing for reading while a connection is silent " +
				"has to get it now.",
			run: rare,
		},
		{
			Name: "connects", Title: "Connections a second", Unit: "connection", Kind: Rate,
			Explain: "16 clients connect one after the other; each connection is a TCP connect, the handshake, one echo and the " +
				"closing handshake. Clients are part of the machine's load here more than elsewhere: read the processor time.",
			run: connects,
		},
	}
}

// Names lists the workloads.
func Names() []string {
	var names []string
	for _, w := range All() {
		names = append(names, w.Name)
	}
	return names
}

// Find returns the workloads of those names in the order of the report, all for
// none. unknown is the first name that is not one.
func Find(names []string) (found []Workload, unknown string) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, name
		}
	}
	for _, w := range All() {
		if len(names) == 0 || slices.Contains(names, w.Name) {
			found = append(found, w)
		}
	}
	return found, ""
}
