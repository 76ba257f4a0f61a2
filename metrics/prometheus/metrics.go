package prometheus

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgate/wsgate"
)

// metric is a metric and where its values are.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*wsgate.Stats, emit)
}

type emit func(value float64, labels ...string)

// newMetrics returns every metric but the histogram.
func newMetrics(constant prometheus.Labels) (all []metric) {
	add := func(kind prometheus.ValueType, name, help string, labels []string, read func(*wsgate.Stats, emit)) {
		all = append(all, metric{prometheus.NewDesc("wsgate_"+name, help, labels, constant), kind, read})
	}
	route := []string{"route"}
	size := func(name, help string, of func(*wsgate.RouteStats) int) {
		add(prometheus.GaugeValue, name, help, route, eachRoute(func(path string, r *wsgate.RouteStats, e emit) { e(float64(of(r)), path) }))
	}
	count := func(name, help string, of func(*wsgate.RouteStats) uint64) {
		add(prometheus.CounterValue, name, help, route, eachRoute(func(path string, r *wsgate.RouteStats, e emit) { e(float64(of(r)), path) }))
	}
	size("connections", "Connections that are open.", func(r *wsgate.RouteStats) int { return r.Connections })
	add(prometheus.GaugeValue, "parked_connections", "Connections of all routes that wait without a goroutine.", nil,
		func(s *wsgate.Stats, e emit) { e(float64(s.Parked)) })
	size("rooms", "Rooms that a connection of this node is in.", func(r *wsgate.RouteStats) int { return r.Rooms })
	size("users", "Users that have a connection on this node.", func(r *wsgate.RouteStats) int { return r.Users })
	size("present_users", "Users whom Track shows in a room because of a connection on this node, in each of their rooms.", func(r *wsgate.RouteStats) int { return r.Present })
	size("waiting_bytes", "Bytes that are queued for clients.", func(r *wsgate.RouteStats) int { return int(r.WaitingBytes) })
	add(prometheus.CounterValue, "upgrades_total", "Upgrade requests by the status of the answer: 101 is a connection.", []string{"route", "status"}, eachRoute(upgrades))
	add(prometheus.CounterValue, "closed_total", "Connections that have ended, by cause and close code.", []string{"route", "cause", "code"}, eachRoute(closed))
	count("received_messages_total", "Messages from clients.", func(r *wsgate.RouteStats) uint64 { return r.Received })
	count("received_bytes_total", "Bytes from clients on the wire.", func(r *wsgate.RouteStats) uint64 { return r.ReceivedBytes })
	count("sent_messages_total", "Messages that were written to clients.", func(r *wsgate.RouteStats) uint64 { return r.Sent })
	count("sent_bytes_total", "Bytes that were written to clients on the wire.", func(r *wsgate.RouteStats) uint64 { return r.SentBytes })
	count("writes_total", "Writes to sockets, each of which may have several messages.", func(r *wsgate.RouteStats) uint64 { return r.Writes })
	count("broadcasts_total", "Messages to rooms, users and whole routes, from this node and from others.", func(r *wsgate.RouteStats) uint64 { return r.Broadcasts })
	count("deliveries_total", "Connections of this node for which a broadcast was queued.", func(r *wsgate.RouteStats) uint64 { return r.Deliveries })
	add(prometheus.CounterValue, "events_total", "Messages that were handled, by event and code of the answer.", []string{"route", "event", "code"}, eachRoute(events))

	broker := func(kind prometheus.ValueType, name, help string, of func(*wsgate.Stats) float64) {
		add(kind, "broker_"+name, help, nil, withBroker(func(s *wsgate.Stats, e emit) { e(of(s)) }))
	}
	broker(prometheus.GaugeValue, "up", "Whether the message broker is available.", up)
	broker(prometheus.GaugeValue, "other_nodes", "Other nodes that are known to be alive.", func(s *wsgate.Stats) float64 { return float64(s.Nodes) })
	broker(prometheus.GaugeValue, "topics", "Topics that this node is subscribed to.", func(s *wsgate.Stats) float64 { return float64(s.Topics) })
	broker(prometheus.CounterValue, "published_messages_total", "Messages to other nodes that the broker has accepted.", func(s *wsgate.Stats) float64 { return float64(s.Published) })
	broker(prometheus.CounterValue, "failed_messages_total", "Messages to other nodes that the broker has not accepted.", func(s *wsgate.Stats) float64 { return float64(s.Failed) })
	broker(prometheus.CounterValue, "lost_messages_total", "Messages that the broker had accepted and has lost.", func(s *wsgate.Stats) float64 { return float64(s.Lost) })
	broker(prometheus.CounterValue, "received_messages_total", "Messages from other nodes.", func(s *wsgate.Stats) float64 { return float64(s.Received) })
	add(prometheus.CounterValue, "broker_ignored_messages_total", "Messages from other nodes that were ignored, by reason.", []string{"reason"}, withBroker(ignored))
	return all
}

func eachRoute(read func(path string, r *wsgate.RouteStats, e emit)) func(*wsgate.Stats, emit) {
	return func(s *wsgate.Stats, e emit) {
		for path, r := range s.Routes {
			read(path, &r, e)
		}
	}
}

func upgrades(path string, r *wsgate.RouteStats, e emit) {
	for status, n := range r.Upgrades {
		e(float64(n), path, other(status))
	}
}

func closed(path string, r *wsgate.RouteStats, e emit) {
	for cause, byCode := range r.Closed {
		for code, n := range byCode {
			e(float64(n), path, cause, other(int(code)))
		}
	}
}

// other returns the label of a status or code. Zero stands for those that are not told apart.
func other(code int) string {
	if code == 0 {
		return "other"
	}
	return strconv.Itoa(code)
}

func events(path string, r *wsgate.RouteStats, e emit) {
	for event, byCode := range r.Events {
		for code, n := range byCode {
			switch code {
			case "":
				n += byCode["ok"] // an application may have this code
				code = "ok"
			case "ok":
				continue
			}
			e(float64(n), path, event, string(code))
		}
	}
}

func withBroker(read func(*wsgate.Stats, emit)) func(*wsgate.Stats, emit) {
	return func(s *wsgate.Stats, e emit) {
		if s.Broker {
			read(s, e)
		}
	}
}

func up(s *wsgate.Stats) float64 {
	if s.BrokerUp {
		return 1
	}
	return 0
}

func ignored(s *wsgate.Stats, e emit) {
	for reason, n := range s.Ignored {
		e(float64(n), reason)
	}
}
