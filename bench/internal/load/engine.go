//go:build linux

package load

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Traffic is who talks to whom.
type Traffic struct {
	Path    string // one of the contenders' paths; rooms get a number behind it
	Rooms   int    // an echo is a room of one
	Members int    // of each room; the first one publishes
	Window  int    // messages that are under way at a time in a room
	Active  int    // rooms that talk at a time, in turns, each with a window of 1; 0 for all
	Size    int    // bytes of a message
}

const (
	pollStep     = 20 * time.Millisecond // how late a deadline can be noticed while nothing arrives
	settleTries  = 40
	settleWait   = 100 * time.Millisecond // silence after which a probe is repeated
	drainTimeout = 10 * time.Second
	afterDrain   = 20 * time.Millisecond // in which one delivery too many would come
)

// engine drives the traffic of one measurement.
type engine struct {
	traffic Traffic
	dialect wire.Dialect
	loop    *loop
	rooms   []*room
	turn    int  // the room whose turn is next, when rooms take turns
	quiet   bool // publish nothing more

	delivered uint64
	latency   *latency // nil: not measured
	scratch   []byte
}

// newEngine opens all connections and waits until every one of them is in its
// room.
func newEngine(t Target, traffic Traffic) (*engine, error) {
	isRoom := traffic.Path == contender.PathRoom
	conns, err := t.dialer().dialAll(traffic.Rooms*traffic.Members, func(i int) string {
		if isRoom {
			return fmt.Sprintf("%s%d", traffic.Path, i/traffic.Members)
		}
		return traffic.Path
	})
	if err != nil {
		return nil, err
	}
	e := &engine{traffic: traffic, dialect: t.Dialect}
	if e.loop, err = newLoop(conns); err != nil {
		return nil, err
	}
	e.loop.message, e.loop.drained = e.count, e.refill
	payload := wire.NewPayload(traffic.Size)
	for i := range traffic.Rooms {
		r := &room{
			first:   i * traffic.Members,
			members: traffic.Members,
			request: t.Dialect.Request(payload, isRoom),
		}
		for _, c := range conns[r.first : r.first+r.members] {
			c.room = r
		}
		e.rooms = append(e.rooms, r)
	}
	if err := e.settle(); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *engine) close() { e.loop.close() }

// settle publishes probes in every room until one has reached all its members:
// a handshake is answered before a server has put the connection in its room.
func (e *engine) settle() error {
	e.quiet = true
	if err := e.loop.takeCarried(); err != nil {
		return err
	}
	open := slices.Clone(e.rooms)
	for range settleTries {
		for _, r := range open {
			if err := e.publish(r, 1); err != nil {
				return err
			}
		}
		for heard := time.Now(); time.Since(heard) < settleWait; {
			before := e.delivered
			if err := e.loop.poll(settleWait / 4); err != nil {
				return err
			}
			if e.delivered == before {
				continue
			}
			heard = time.Now()
			if open = slices.DeleteFunc(open, e.settled); len(open) == 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("%d of %d rooms did not reach all their members", len(open), len(e.rooms))
}

// settled reports whether every member has the latest probe, and starts the
// room's accounts from there.
func (e *engine) settled(r *room) bool {
	for _, c := range e.loop.conns[r.first : r.first+r.members] {
		if !c.synced || c.next != r.sent {
			return false
		}
	}
	r.delivered = uint64(r.sent) * uint64(r.members)
	r.full = r.delivered + uint64(r.members)
	return true
}

// start fills the windows.
func (e *engine) start() error {
	e.quiet = false
	if e.traffic.Active > 0 {
		for range e.traffic.Active {
			if err := e.publishInTurn(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range e.rooms {
		if err := e.publish(r, e.traffic.Window); err != nil {
			return err
		}
	}
	return nil
}

// refill publishes again once a message has reached all its members.
func (e *engine) refill(c *conn) error {
	r := c.room
	if r.delivered < r.full || e.quiet {
		return nil
	}
	r.full = (uint64(r.complete()) + 1) * uint64(r.members)
	if e.traffic.Active > 0 {
		return e.publishInTurn()
	}
	return e.publish(r, e.traffic.Window-r.outstanding())
}

// publishInTurn lets the next room talk that is not talking already.
func (e *engine) publishInTurn() error {
	for range e.rooms {
		r := e.rooms[e.turn]
		e.turn = (e.turn + 1) % len(e.rooms)
		if r.outstanding() == 0 {
			return e.publish(r, 1)
		}
	}
	return nil
}

// pump moves traffic until then.
func (e *engine) pump(until time.Time) error {
	for {
		left := time.Until(until)
		if left <= 0 {
			return nil
		}
		if err := e.loop.poll(min(left, pollStep)); err != nil {
			return err
		}
	}
}

// drain stops publishing and waits for everything that is under way. A delivery
// that does not come, and one that comes twice, is an error.
func (e *engine) drain() error {
	e.quiet = true
	deadline := time.Now().Add(drainTimeout)
	for {
		missing := uint64(0)
		for _, r := range e.rooms {
			missing += r.missing()
		}
		if missing == 0 {
			return e.pump(time.Now().Add(afterDrain))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d deliveries never came", missing)
		}
		if err := e.loop.poll(pollStep); err != nil {
			return err
		}
	}
}
