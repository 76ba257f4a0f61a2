//go:build linux

package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/load"
	"github.com/wsgate/wsgate/bench/internal/workload"
)

// column is one figure of a table.
type column struct {
	head   string
	value  func(load.Figures) float64
	format func(float64) string
	best   order // none: the column has no ratios behind it
}

type order int

const (
	none order = iota
	highest
	lowest
)

// columns of the table of a workload.
func columns(w workload.Workload) []column {
	kib := func(bytes float64) float64 { return bytes / 1024 }
	perUnit := column{"server CPU µs per " + w.Unit, func(f load.Figures) float64 { return f.PerUnit }, decimals(2), lowest}
	switch w.Kind {
	case workload.Latency:
		perUnit.best = none
		return []column{
			{"p50 ms", func(f load.Figures) float64 { return f.P50.Seconds() * 1e3 }, decimals(2), none},
			{"p99 ms", func(f load.Figures) float64 { return f.P99.Seconds() * 1e3 }, decimals(2), lowest},
			perUnit,
		}
	case workload.Seldom:
		micro := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
		return []column{
			{"p50 µs", func(f load.Figures) float64 { return micro(f.P50) }, decimals(1), lowest},
			{"p99 µs", func(f load.Figures) float64 { return micro(f.P99) }, decimals(1), none},
			perUnit,
			{"resident KiB", func(f load.Figures) float64 { return kib(f.Resident) }, decimals(1), none},
			{"before collecting KiB", func(f load.Figures) float64 { return kib(f.Before) }, decimals(1), none},
		}
	case workload.Memory:
		return []column{
			{"resident KiB", func(f load.Figures) float64 { return kib(f.Resident) }, decimals(1), lowest},
			{"before collecting KiB", func(f load.Figures) float64 { return kib(f.Before) }, decimals(1), none},
			{"live heap KiB", func(f load.Figures) float64 { return kib(f.Heap) }, decimals(1), none},
			{"stacks KiB", func(f load.Figures) float64 { return kib(f.Stacks) }, decimals(1), none},
		}
	default:
		all := []column{
			{plural(w.Unit) + "/s", func(f load.Figures) float64 { return f.Rate }, thousands, highest},
			perUnit,
		}
		if w.Unit != "connection" {
			all = append(all, column{"per read", func(f load.Figures) float64 { return f.PerRead }, decimals(1), none})
		}
		return append(all, column{"client CPU", func(f load.Figures) float64 { return f.Client * 100 }, percent, none})
	}
}

// Table is the workload's results as a Markdown table. Each figure that decides
// has two ratios behind it: to the best other Go library and to Bun's own
// publish.
func (r *Results) Table(w workload.Workload, all []*contender.Contender) string {
	cols := columns(w)
	head := []string{"server"}
	for _, c := range cols {
		head = append(head, c.head)
		if c.best != none {
			head = append(head, "× best Go", "× Bun")
		}
	}
	rows := [][]string{}
	for _, c := range all {
		if row := r.row(w, c, cols, all); row != nil {
			rows = append(rows, row)
		}
	}
	return markdown(head, rows)
}

func (r *Results) row(w workload.Workload, c *contender.Contender, cols []column, all []*contender.Contender) []string {
	f, ok, failed := r.Median(w.Name, c.Name)
	if !ok && failed == nil {
		return nil // was not measured
	}
	name := c.Name
	if failed != nil {
		name += " ⚠" // explained below the table
	}
	row := []string{name}
	for _, col := range cols {
		if !ok {
			row = append(row, "–")
			if col.best != none {
				row = append(row, "–", "–")
			}
			continue
		}
		row = append(row, missing(col.value(f), col.format))
		if col.best != none {
			row = append(row,
				ratio(col.value(f), r.bestPeer(w, col, all)),
				ratio(col.value(f), r.bun(w, col)))
		}
	}
	return row
}

// bestPeer is the best figure among the other Go libraries, 0 for none.
func (r *Results) bestPeer(w workload.Workload, col column, all []*contender.Contender) float64 {
	best := 0.0
	for _, c := range all {
		if c.Family != contender.GoPeer {
			continue
		}
		f, ok, _ := r.Median(w.Name, c.Name)
		if !ok {
			continue
		}
		v := col.value(f)
		if best == 0 || col.best == highest && v > best || col.best == lowest && v < best {
			best = v
		}
	}
	return best
}

func (r *Results) bun(w workload.Workload, col column) float64 {
	f, _, _ := r.Median(w.Name, contender.Bun.Name)
	return col.value(f)
}

// Failures lists what went wrong in a workload, a line for each contender.
func (r *Results) Failures(w workload.Workload, all []*contender.Contender) []string {
	var lines []string
	for _, c := range all {
		_, ok, failed := r.Median(w.Name, c.Name)
		switch {
		case failed == nil:
		case ok:
			lines = append(lines, fmt.Sprintf("⚠ %s failed in some rounds, which are left out: %v", c.Name, failed))
		default:
			lines = append(lines, fmt.Sprintf("⚠ %s failed: %v", c.Name, failed))
		}
	}
	return lines
}

func ratio(v, to float64) string {
	if v == 0 || to == 0 {
		return "–"
	}
	return decimals(2)(v / to)
}

func missing(v float64, format func(float64) string) string {
	if v == 0 {
		return "–"
	}
	return format(v)
}

func decimals(n int) func(float64) string {
	return func(v float64) string { return strconv.FormatFloat(v, 'f', n, 64) }
}

func percent(v float64) string { return fmt.Sprintf("%.0f %%", v) }

func thousands(v float64) string {
	digits := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func plural(unit string) string {
	if stem, ok := strings.CutSuffix(unit, "y"); ok {
		return stem + "ies"
	}
	return unit + "s"
}
