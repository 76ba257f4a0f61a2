package wsgate

import (
	"net/http"

	"github.com/coder/websocket"
)

// Stats are the numbers of an App on this node at one moment, see [App.Stats]. Those that count begin at 0 and only
// grow; the others are sizes. The usual keys of maps are always there, with 0 before there is anything to count.
type Stats struct {
	Routes map[string]RouteStats // by path
	Parked int                   // connections of all routes that wait without a goroutine

	// About Options.Broker. Without one, everything is zero.

	Broker    bool   // there is one
	BrokerUp  bool   // it is available
	Nodes     int    // other nodes that are known to be alive
	Topics    int    // that this node is subscribed to
	Published uint64 // messages to other nodes that the Broker has accepted, heartbeats included
	Failed    uint64 // messages to other nodes that the Broker has not accepted
	Lost      uint64 // messages that the Broker has accepted and knows to be lost: its Dropped method
	Received  uint64 // messages from other nodes, ignored ones included
	// Ignored counts those of Received that were ignored, by reason. All are 0 while nothing is wrong.
	//
	//	garbage    no message of this version of the package
	//	too_large  beyond the limits
	//	late       came twice, or after a later one
	//	invalid    of an unknown kind, or with a body that is of no use
	//	crowded    its node has sent more than can wait
	Ignored map[string]uint64
}

// RouteStats are the numbers of a route, see [Stats].
type RouteStats struct {
	Connections int // that are open
	Rooms       int // that a connection is in
	Users       int // that have a connection
	Present     int // users whom [Track] shows in a room because of a connection on this node, in each of their rooms

	// Upgrades counts the requests by the status of their answer: 101 is an upgrade. A client that was gone before it
	// was answered counts as 499.
	Upgrades map[int]uint64
	// Closed counts the connections that have ended, by cause and by the code of the close frame. The causes are
	//
	//	client       the client closed it; 0 is any code of an application
	//	application  a handler, Disconnect or the like closed it
	//	refused      OnOpen returned an Error or a CloseError
	//	replaced     a newer connection of the same user took its place, see Options.CloseOldest
	//	expired      the session of its data ended and was not renewed in time, see ErrExpired
	//	shutdown     the App shuts down
	//	lost         the network failed, or the client went without a word: there was no close frame, which is 1006
	//	slow         the client was evicted because it did not read what was sent to it, see ErrSlowClient
	//	backlog      the same, because of Limits.TotalQueueBytes
	//	ping         the client did not answer a ping
	//	limit        another of the Limits was exceeded
	//	protocol     the client broke a rule of RFC 6455
	//	internal     a hook or handler panicked, or failed where the client could not be told
	//
	// Of the codes that an application has itself, the first hundred count separately, the others as 0.
	Closed map[string]map[websocket.StatusCode]uint64

	Received      uint64 // messages from clients
	ReceivedBytes uint64 // on the wire
	Sent          uint64 // messages that were written
	SentBytes     uint64 // on the wire
	Writes        uint64 // that they took: Sent / Writes is how many messages share a write
	WaitingBytes  uint64 // that are queued for clients now

	Broadcasts uint64 // messages to rooms, users and whole routes, those of other nodes and of [Track] included
	Deliveries uint64 // connections of this node for which they were queued

	// Events counts the messages by the event and the code of the answer, or of the error if nobody waited for an answer.
	// The code is "" if the handler succeeded, and "closed" if the connection was closed meanwhile, by the handler or by
	// somebody else. Only events that the gateway handles have their name here. Everything else is "$other", but for a
	// gateway with OnMessage it is "$message". Of the codes that an application has itself, the first hundred count
	// separately, the others as "other".
	Events map[string]map[Code]uint64
}

// Stats returns what the App has counted on this node. Nothing is measured for it while messages are handled, so it
// may be called as often as numbers are wanted, such as every few seconds; it takes about a tenth of a second for a
// million connections. Packages metrics/prometheus and metrics/otel export it. So does expvar:
//
//	expvar.Publish("wsgate", expvar.Func(func() any { return app.Stats() }))
func (a *App) Stats() Stats {
	t := a.members.Traffic()
	s := Stats{
		Routes: make(map[string]RouteStats, len(a.hub.routes)),
		Parked: a.engine.Parked(),
		Broker: a.hasBroker, Nodes: t.Nodes, Topics: t.Topics,
		Published: t.Published, Failed: t.Failed, Lost: t.Lost, Received: t.Received, Ignored: t.Ignored,
	}
	s.BrokerUp = s.Broker && a.members.BrokerAway() == nil
	for path, rt := range a.hub.routes {
		s.Routes[path] = rt.stats()
	}
	return s
}

func (rt *route) stats() RouteStats {
	sizes, counts := rt.members.Sizes(), rt.members.Counts()
	s := RouteStats{
		Connections: sizes.Connections, Rooms: sizes.Rooms, Users: sizes.Users, Present: sizes.Present,
		Upgrades: rt.upgrades.all(), Closed: map[string]map[websocket.StatusCode]uint64{},
		Received: counts.Received, ReceivedBytes: counts.ReceivedBytes,
		Sent: counts.Sent, SentBytes: counts.SentBytes, Writes: counts.Writes, WaitingBytes: counts.Waiting,
		Events: rt.results.all(),
	}
	for _, status := range []int{http.StatusSwitchingProtocols, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		s.Upgrades[status] += 0
	}
	s.Broadcasts, s.Deliveries = rt.members.Counters().Broadcasts()
	for _, why := range closeCauses {
		s.Closed[why] = map[websocket.StatusCode]uint64{}
	}
	for _, end := range endings {
		s.Closed[end.cause][end.code] = 0
	}
	for end, n := range rt.closed.all() {
		s.Closed[end.cause][end.code] = n
	}
	return s
}
