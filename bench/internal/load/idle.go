//go:build linux

package load

import "time"

// Idle opens connections that send one message each and then stay silent, and
// measures what the server holds for one of them.
func Idle(t Target, connections int, traffic Traffic, rest time.Duration) (Figures, error) {
	before, err := t.Server.Memory()
	if err != nil {
		return Figures{}, err
	}
	traffic.Rooms, traffic.Members = connections, 1
	e, err := newEngine(t, traffic) // settling is one message each
	if err != nil {
		return Figures{}, err
	}
	defer e.close()
	if err := e.pump(time.Now().Add(rest)); err != nil {
		return Figures{}, err
	}
	asItIs, err := t.Server.Resident()
	if err != nil {
		return Figures{}, err
	}
	after, err := t.Server.Memory()
	if err != nil {
		return Figures{}, err
	}
	return Figures{
		Checked:  e.delivered,
		Units:    uint64(connections),
		Before:   each(asItIs, before.Resident, connections),
		Resident: each(after.Resident, before.Resident, connections),
		Heap:     each(after.Heap, before.Heap, connections),
		Stacks:   each(after.Stacks, before.Stacks, connections),
	}, nil
}

// each is what a server has grown by for one connection.
func each(after, before uint64, connections int) float64 {
	return (float64(after) - float64(before)) / float64(connections)
}
