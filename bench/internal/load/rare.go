//go:build linux

package load

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// Rare opens connections that send one message each in every turn, evenly
// spread, and measures the second turn. A message leaves when the one before
// has come back, so it finds the server with nothing to do.
func Rare(t Target, connections int, traffic Traffic, turn time.Duration) (Figures, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	empty, err := t.Server.Memory()
	if err != nil {
		return Figures{}, err
	}
	traffic.Rooms, traffic.Members = connections, 1
	e, err := newEngine(t, traffic)
	if err != nil {
		return Figures{}, err
	}
	defer e.close()
	order := rand.Perm(connections)
	if _, err := e.takeTurns(order, turn); err != nil {
		return Figures{}, err
	}
	before, err := e.reading(t)
	if err != nil {
		return Figures{}, err
	}
	trips, err := e.takeTurns(order, turn)
	if err != nil {
		return Figures{}, err
	}
	after, err := e.reading(t)
	if err != nil {
		return Figures{}, err
	}
	asItIs, err := t.Server.Resident()
	if err != nil {
		return Figures{}, err
	}
	full, err := t.Server.Memory()
	if err != nil {
		return Figures{}, err
	}
	f := after.since(before)
	f.Checked = e.delivered
	f.Before = each(asItIs, empty.Resident, connections)
	f.Resident = each(full.Resident, empty.Resident, connections)
	f.P50, f.P99 = quantile(trips, 0.50), quantile(trips, 0.99)
	return f, nil
}

// takeTurns has each room publish once and returns, sorted, how long the
// messages were under way.
func (e *engine) takeTurns(order []int, turn time.Duration) ([]time.Duration, error) {
	trips := make([]time.Duration, 0, len(order))
	begun := time.Now()
	for i, n := range order {
		// Not by pump, which would keep a processor busy: nothing is under way.
		time.Sleep(time.Until(begun.Add(turn * time.Duration(i) / time.Duration(len(order)))))
		r, sent := e.rooms[n], time.Now()
		if err := e.publish(r, 1); err != nil {
			return nil, err
		}
		for r.missing() > 0 {
			if time.Since(sent) > drainTimeout {
				return nil, fmt.Errorf("a message never came back")
			}
			if err := e.loop.poll(pollStep); err != nil {
				return nil, err
			}
		}
		trips = append(trips, time.Since(sent))
	}
	slices.Sort(trips)
	return trips, nil
}
