//go:build linux

// Package report turns measurements into tables.
package report

import (
	"slices"
	"time"

	"github.com/wsgate/wsgate/bench/internal/load"
)

// Results collects the rounds of all measurements.
type Results struct {
	cells map[key]*cell
}

type key struct{ workload, contender string }

type cell struct {
	rounds []load.Figures
	failed error // of the latest round that failed
}

func (r *Results) cell(workload, contender string) *cell {
	if r.cells == nil {
		r.cells = map[key]*cell{}
	}
	k := key{workload, contender}
	if r.cells[k] == nil {
		r.cells[k] = new(cell)
	}
	return r.cells[k]
}

// Add records one round: its figures, or why there are none.
func (r *Results) Add(workload, contender string, f load.Figures, err error) {
	c := r.cell(workload, contender)
	if err != nil {
		c.failed = err
		return
	}
	c.rounds = append(c.rounds, f)
}

// Median returns the median of every figure over the good rounds, and whether
// there was one. failed is set when a round failed.
func (r *Results) Median(workload, contender string) (f load.Figures, ok bool, failed error) {
	c := r.cells[key{workload, contender}]
	if c == nil {
		return f, false, nil
	}
	if len(c.rounds) == 0 {
		return f, false, c.failed
	}
	number := func(of func(load.Figures) float64) float64 { return Median(c.rounds, of) }
	duration := func(of func(load.Figures) time.Duration) time.Duration { return Median(c.rounds, of) }
	return load.Figures{
		Units:    c.rounds[0].Units,
		Rate:     number(func(f load.Figures) float64 { return f.Rate }),
		PerUnit:  number(func(f load.Figures) float64 { return f.PerUnit }),
		Client:   number(func(f load.Figures) float64 { return f.Client }),
		PerRead:  number(func(f load.Figures) float64 { return f.PerRead }),
		P50:      duration(func(f load.Figures) time.Duration { return f.P50 }),
		P99:      duration(func(f load.Figures) time.Duration { return f.P99 }),
		Before:   number(func(f load.Figures) float64 { return f.Before }),
		Resident: number(func(f load.Figures) float64 { return f.Resident }),
		Heap:     number(func(f load.Figures) float64 { return f.Heap }),
		Stacks:   number(func(f load.Figures) float64 { return f.Stacks }),
	}, true, c.failed
}

// Median returns the median of one figure over the rounds, of which there has to be one.
func Median[F any, T float64 | time.Duration](rounds []F, of func(F) T) T {
	var values []T
	for _, f := range rounds {
		values = append(values, of(f))
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}
