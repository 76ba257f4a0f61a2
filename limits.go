package wsgate

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/ram"
	"github.com/wsgate/wsgate/internal/rate"
	"github.com/wsgate/wsgate/internal/transport"
)

// Limits bounds what connections may cost. A zero field has its default; a negative one is a start-up error.
type Limits struct {
	// Handshake is the time from an upgrade request until OnOpen has returned. When it is exceeded, the request is
	// answered with 503, or the connection closes with 1013. Default 10 s.
	Handshake time.Duration

	// Message is the maximum size of a message from a client in bytes, decompressed. A larger one closes the connection
	// with 1009. Default 64 KiB.
	Message int
	// MessageWire is the maximum size of a message on the wire in bytes, headers included. A larger one closes the
	// connection with 1009. Default 4 × Message + 1 KiB.
	MessageWire int
	// MessageFrames is the maximum number of frames in a message. More close the connection with 1008. Default 1,024.
	MessageFrames int
	// MessageTime is the time from a message's first byte to its last, not counting the time in which a handler runs.
	// When it is exceeded, the connection closes with 1013. Default 30 s.
	MessageTime time.Duration
	// Malformed is how many malformed messages in a row close a connection with 1008. Those that a [Middleware] has
	// handled do not count. Default 8.
	Malformed int
	// ControlRate is how many pings, pongs and close frames a client may send per second, with bursts of twice as many.
	// When it is exceeded, the connection closes with 1008. Default 32.
	ControlRate int

	// Rate is how many messages and control frames a client may send per second, with bursts of Burst. Everything counts:
	// malformed messages, unknown events, and what was refused before. A message of more than 16 KiB counts for each 16 KiB
	// of it, up to Burst. A message beyond the rate is not handled and not seen by middleware. It is answered with an error
	// of code [RateLimited], whose details are {"retryAfterMs":n}; of messages without an id, one in a second is answered.
	// An eighth of Burst is refused at once, and at least 8; after that, messages are read no faster than Rate. A connection with nothing but refused messages for 10 s closes with 1008 and the cause [ErrLimit].
	// See [Binding.AtMost] for one event. Set Rate to math.MaxInt for no limit. Default 200 and 2 × Rate.
	Rate  int
	Burst int

	// QueueBytes and QueueMessages bound the queue of messages that wait for a client. When they are exceeded, the
	// connection closes with 1013 and the cause [ErrSlowClient]: the client does not read, or not as fast as messages are
	// sent. See [Conn.Paced] for a sender that waits. Write is the time for one write of at most 64 KiB or one message.
	// If a client does not take as much in that time, its connection ends with the same cause, and no close frame can
	// follow. Default 1 MiB, 1,024 messages, 10 s.
	QueueBytes    int
	QueueMessages int
	Write         time.Duration

	// Handler is how long a hook or handler may run before that is logged, once, with what it handles. Nothing else
	// happens. Until a handler returns, nothing else from its client is handled, and Shutdown waits for it. Default 30 s.
	Handler time.Duration

	// SendBuffer is the size of the kernel's send buffer for a connection, SO_SNDBUF. UnsentBytes is how much in it may
	// wait to be sent, TCP_NOTSENT_LOWAT on Linux. What the kernel holds for a client that does not read is in addition
	// to the queue, and is megabytes by default. Both are set if the socket is the net package's own, with or without
	// crypto/tls on top. Default 0, the system's.
	SendBuffer  int
	UnsentBytes int

	// Ping is how long a client may be silent before it is pinged. Pong is how much longer it may be silent, once the
	// ping is written, before its connection ends with the cause [ErrPingTimeout]. Any byte from the client ends the
	// silence. Time in which a handler runs, or in which the client still reads what was sent before the ping, does not
	// count as silence. Default 25 s (± 10 %, so that not all connections ping at once) and 10 s.
	Ping time.Duration
	Pong time.Duration

	// Close is the time a client has to answer a close frame, and to connect elsewhere when [App.Shutdown] tells it to.
	// Default 5 s.
	Close time.Duration

	// Rooms is how many rooms a connection may be in. RoomName is how many bytes the name of a room may have. Default 128
	// and 255.
	Rooms    int
	RoomName int

	// Presence is how many users of a room its members are told of by id, see [Track]. If there are more, or if telling
	// of them takes more than half of QueueBytes, the members get only the number. PresenceGrace is how long a user
	// without connections still counts, in at most 1,000 rooms at a time. Default 1,000 and 5 s.
	Presence      int
	PresenceGrace time.Duration

	// Refresh is how long before the end of a session it is to be renewed, at the latest, see [Refresher]. It begins
	// earlier by a random part of a tenth of the session, at most 4 × Refresh, so that sessions that began together are
	// not renewed together. For a session that is shorter than 2 × Refresh, it is half of the session. RefreshGrace is
	// how long after its end a session may still be renewed, before the connection closes with 4401. Default 30 s and
	// 25 s.
	Refresh      time.Duration
	RefreshGrace time.Duration

	// Connections is how many connections the App may have. When there are that many, an upgrade is answered with 503.
	// Set it in [Options] only; a route cannot. Default 0, no limit.
	Connections int
	// UserConnections is how many connections a user may have on this node, see [Hub.User]. One more is refused with 429,
	// or closes the oldest with [Options].CloseOldest. A connection that is closing, or whose client is known to be gone,
	// does not count, even if its OnClose is still running. Set it in [Options] only, for an App that has a gateway with
	// users. Default 0, no limit.
	UserConnections int
	// Request is the time in which an ordinary HTTP request beside the gateways must arrive whole, and the time in which
	// its answer must be written. Each begins with the request's header. They apply to connections that Run and Serve
	// accept. They bound the network and the context of the request, not the handler. A handler that takes longer, such
	// as an upload or a stream of events, sets its own deadlines with http.ResponseController. Set it in [Options] only.
	// Default 30 s.
	Request time.Duration
	// TotalQueueBytes bounds what is queued for all slow clients together. A message for many clients counts once. When
	// the total is nearly reached, the clients with the longest queues are disconnected with the cause [ErrSlowClient].
	// Set it in [Options] only. Default a quarter of the memory that the process may use: the least of GOMEMLIMIT, the
	// limit of its control group, and the memory of the machine; 1 GiB if that is not known.
	TotalQueueBytes int
	// Drain is how long Run and Serve wait in Shutdown. Set it in [Options] only. Default 30 s.
	Drain time.Duration
	// DrainPace is how many connections a second Shutdown closes, or tells to connect elsewhere: as many clients a second
	// as the other nodes can take besides their own. Half of Drain should be enough for all of them; if it is not,
	// they leave faster. Set it in [Options] only. Default 500.
	DrainPace int
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	setDefault(&l.Handshake, 10*time.Second)
	setDefault(&l.Message, 64<<10)
	setDefault(&l.MessageWire, 4*l.Message+1<<10)
	setDefault(&l.MessageFrames, 1024)
	setDefault(&l.MessageTime, 30*time.Second)
	setDefault(&l.Malformed, 8)
	setDefault(&l.ControlRate, 32)
	setDefault(&l.Rate, 200)
	setDefault(&l.Burst, 2*min(l.Rate, math.MaxInt/2))
	setDefault(&l.QueueBytes, 1<<20)
	setDefault(&l.QueueMessages, 1024)
	setDefault(&l.Write, 10*time.Second)
	setDefault(&l.Handler, 30*time.Second)
	setDefault(&l.Ping, 25*time.Second)
	setDefault(&l.Pong, 10*time.Second)
	setDefault(&l.Close, 5*time.Second)
	setDefault(&l.Rooms, 128)
	setDefault(&l.RoomName, 255)
	setDefault(&l.Presence, 1000)
	setDefault(&l.PresenceGrace, 5*time.Second)
	setDefault(&l.Refresh, 30*time.Second)
	setDefault(&l.RefreshGrace, 25*time.Second)
	setDefault(&l.Request, 30*time.Second)
	setDefault(&l.TotalQueueBytes, quarterOfMemory())
	setDefault(&l.Drain, 30*time.Second)
	setDefault(&l.DrainPace, 500)
	return l
}

// atPace returns how many connections a shutdown within Drain closes at DrainPace.
func (l *Limits) atPace() int {
	return int(min(float64(l.DrainPace)*l.Drain.Seconds()/2, math.MaxInt32))
}

func quarterOfMemory() int { return int(min(cmp.Or(ram.Usable()/4, 1<<30), math.MaxInt)) }

// baseline returns the defaults, computed from those fields of l that other defaults depend on.
func (l Limits) baseline() Limits {
	baseline, defaults := Limits{Message: l.Message, Rate: l.Rate}.withDefaults(), Limits{}.withDefaults()
	baseline.Message, baseline.Rate = defaults.Message, defaults.Rate
	return baseline
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// check returns a mistake for every negative field. of names the owner of the limits.
func (l *Limits) check(of string) (mistakes []error) {
	v := reflect.ValueOf(*l)
	for i := range v.NumField() {
		if f := v.Field(i); f.Int() < 0 {
			mistakes = append(mistakes, &mistake.Mistake{
				What: fmt.Sprintf("%s: Limits.%s is negative", of, v.Type().Field(i).Name),
				Have: fmt.Sprint(f.Interface()),
				Want: "0 for the default, or more",
			})
		}
	}
	return mistakes
}

// appLimits lists the fields that a route cannot set.
var appLimits = [...]string{"Connections", "UserConnections", "TotalQueueBytes", "Request", "Drain", "DrainPace"}

// checkRoute returns a mistake for every field that a route cannot set.
func (l *Limits) checkRoute(path string) (mistakes []error) {
	for _, name := range appLimits {
		if !reflect.ValueOf(*l).FieldByName(name).IsZero() {
			mistakes = append(mistakes, &mistake.Mistake{
				What: fmt.Sprintf("route %q: Limits.%s is the App's", path, name),
				Fix:  "set it in Options.Limits",
			})
		}
	}
	return mistakes
}

func (l *Limits) transport() *transport.Limits {
	return &transport.Limits{
		Message: l.Message, Wire: l.MessageWire, Frames: l.MessageFrames, Assembly: l.MessageTime,
		ControlRate: rate.New(l.ControlRate, time.Second, 2*min(l.ControlRate, math.MaxInt/2)),
		Rate:        rate.New(l.Rate, time.Second, l.Burst),
		QueueBytes:  l.QueueBytes, QueueMessages: l.QueueMessages, Write: l.Write, Handler: l.Handler,
		SendBuffer: l.SendBuffer, Unsent: l.UnsentBytes,
		Close: l.Close, Ping: l.Ping, Pong: l.Pong,
	}
}
