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
	each := func(after, before uint64) float64 {
		return (float64(after) - float64(before)) / float64(connections)
	}
	return Figures{
		Checked:  e.delivered,
		Units:    uint64(connections),
		Before:   each(asItIs, before.Resident),
		Resident: each(after.Resident, before.Resident),
		Heap:     each(after.Heap, before.Heap),
		Stacks:   each(after.Stacks, before.Stacks),
	}, nil
}
