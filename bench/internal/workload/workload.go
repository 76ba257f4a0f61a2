//go:build linux

// Package workload names what is measured.
package workload

import (
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/load"
)

// Kind says which figures matter.
type Kind int

const (
	Rate    Kind = iota // units per second and processor time for one
	Latency             // time from sending to delivery
	Memory              // bytes for one connection
	Seldom              // round trips, processor time for one, and bytes for one connection
)

// Workload is one thing to measure, the same for every contender.
type Workload struct {
	Name    string
	Title   string
	Explain string
	Unit    string // what is counted, in the singular
	Kind    Kind

	run func(t load.Target, s Scale, times load.Times) (load.Figures, error)
}

// Run measures one server, which must have been started for this.
func (w Workload) Run(t load.Target, s Scale, times load.Times) (load.Figures, error) {
	return w.run(t, s, times)
}

// Scale is how large the workloads are.
type Scale struct {
	Echoes  int           // connections that echo
	Members int           // of the large room
	Rooms   int           // small ones
	Idle    int           // connections that are silent nearly all the time
	Fill    int           // messages before latencies are measured
	Every   time.Duration // between two of the messages whose latencies are measured
	Rest    time.Duration // before memory is measured, and between two messages of a connection that has few
}

// Full is the scale of the report. Everything stays within 10,000 connections.
var Full = Scale{
	Echoes: 100, Members: 1000, Rooms: 1000, Idle: 10_000,
	Fill: 224, Every: 20 * time.Millisecond, Rest: 5 * time.Second,
}

// Small is the scale of a test.
var Small = Scale{
	Echoes: 5, Members: 12, Rooms: 8, Idle: 20,
	Fill: 40, Every: 10 * time.Millisecond, Rest: 10 * time.Millisecond,
}

const (
	smallRoom   = 10 // members
	smallActive = 64 // rooms that talk at a time, at most half of them
	visitors    = 16 // connections being opened at a time
)

func echo(path string, window int) func(load.Target, Scale, load.Times) (load.Figures, error) {
	return func(t load.Target, s Scale, times load.Times) (load.Figures, error) {
		return load.Throughput(t, load.Traffic{
			Path: path, Rooms: s.Echoes, Members: 1, Window: window, Size: 64,
		}, times)
	}
}

func broadcast(window, size int) func(load.Target, Scale, load.Times) (load.Figures, error) {
	return func(t load.Target, s Scale, times load.Times) (load.Figures, error) {
		return load.Throughput(t, load.Traffic{
			Path: contender.PathRoom, Rooms: 1, Members: s.Members, Window: window, Size: size,
		}, times)
	}
}

func rooms(t load.Target, s Scale, times load.Times) (load.Figures, error) {
	return load.Throughput(t, load.Traffic{
		Path: contender.PathRoom, Rooms: s.Rooms, Members: smallRoom, Window: 1,
		Active: min(smallActive, s.Rooms/2), Size: 128,
	}, times)
}

func paced(stalled bool) func(load.Target, Scale, load.Times) (load.Figures, error) {
	return func(t load.Target, s Scale, times load.Times) (load.Figures, error) {
		return load.Paced(t, load.Pace{
			Members: s.Members - 1, Size: 4 << 10, Every: s.Every, Fill: s.Fill, Stalled: stalled,
		}, load.Times{Measure: 2 * times.Measure})
	}
}

func idle(t load.Target, s Scale, _ load.Times) (load.Figures, error) {
	return load.Idle(t, s.Idle, load.Traffic{Path: contender.PathEcho, Window: 1, Size: 64}, s.Rest)
}

func rare(t load.Target, s Scale, _ load.Times) (load.Figures, error) {
	return load.Rare(t, s.Idle, load.Traffic{Path: contender.PathEcho, Window: 1, Size: 64}, s.Rest)
}

func connects(t load.Target, _ Scale, times load.Times) (load.Figures, error) {
	return load.Connects(t, visitors, 64, times)
}
