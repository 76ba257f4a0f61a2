package contender

import "github.com/wsgate/wsgate/bench/internal/wire"

// Bun publishes with Bun's native topics.
var Bun = &Contender{
	Name:    "bun",
	About:   "Bun.serve with native topics: subscribe and publish",
	Module:  "bun",
	Family:  Foreign,
	Dialect: wire.Plain{},
	Script:  "bun.js",
	Runtime: "bun",
	Args:    []string{"publish"},
}

// BunLoop is Bun without topics.
var BunLoop = &Contender{
	Name:    "bun-loop",
	About:   "Bun.serve with a set of sockets and a send to each",
	Module:  "bun",
	Family:  Foreign,
	Dialect: wire.Plain{},
	Script:  "bun.js",
	Runtime: "bun",
	Args:    []string{"loop"},

	Workloads: inRooms,
}

// NodeWS is the most used server of the JavaScript world.
var NodeWS = &Contender{
	Name:    "node-ws",
	About:   "the ws package on Node, with its optional native masking; a send to each member",
	Module:  "ws",
	Family:  Foreign,
	Dialect: wire.Plain{},
	Script:  "ws.cjs",
	Runtime: "node",
}
