//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/load"
	"github.com/wsgate/wsgate/bench/internal/report"
	"github.com/wsgate/wsgate/bench/internal/runtimes"
	"github.com/wsgate/wsgate/bench/internal/server"
	"github.com/wsgate/wsgate/bench/internal/workload"
	"github.com/wsgate/wsgate/internal/test/need"
)

// TestMain makes the test's own program the servers that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := raiseFileLimit(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestContenders runs every workload small and short against every contender.
// The load generator itself checks that each message comes to each member
// exactly once, in order and of the right size; the test checks that something
// was measured at all.
func TestContenders(t *testing.T) {
	times := load.Times{WarmUp: 20 * time.Millisecond, Measure: 60 * time.Millisecond}
	for _, c := range append(contender.All(), contender.Watched...) {
		t.Run(c.Name, func(t *testing.T) {
			if c.Script != "" {
				if _, err := runtimes.Command(c.Runtime, c.Script); err != nil {
					need.Missing(t, err.Error())
				}
			} else {
				t.Parallel() // a script may be another contender's as well, and each writes it
			}
			p, err := server.Start(c, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range workload.All() {
				if !c.Takes(w.Name) {
					continue
				}
				f, err := w.Run(load.Target{Server: p, Dialect: c.Dialect}, workload.Small, times)
				if err != nil {
					t.Errorf("%s: %v", w.Name, err)
					break // the server may not be what it was
				}
				check(t, w, f)
			}
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// check looks at the figures that do not depend on how fast the machine is.
func check(t *testing.T, w workload.Workload, f load.Figures) {
	t.Helper()
	if f.Checked == 0 {
		t.Errorf("%s: nothing was counted", w.Name)
	}
	if (w.Kind == workload.Latency || w.Kind == workload.Seldom) && (f.P50 <= 0 || f.P99 < f.P50) {
		t.Errorf("%s: p50 %v, p99 %v", w.Name, f.P50, f.P99)
	}
}

// TestDeliveriesAreCounted compares the count with what must come out: every
// broadcast to each member.
func TestDeliveriesAreCounted(t *testing.T) {
	const members, messages = 7, 20
	var broadcast workload.Workload
	for _, w := range workload.All() {
		if w.Name == "steady" {
			broadcast = w
		}
	}
	scale := workload.Small
	scale.Members = members + 1 // steady leaves room for the stalled one
	f, err := measureOne(contender.GorillaPrepared, broadcast, scale,
		load.Times{Measure: messages * scale.Every / 2}, "")
	if err != nil {
		t.Fatal(err)
	}
	if f.Units != members*messages {
		t.Errorf("%d deliveries, want %d", f.Units, members*messages)
	}
}

func TestReport(t *testing.T) {
	workloads, unknown := workload.Find([]string{"echo-1", "idle", "steady"})
	if unknown != "" {
		t.Fatal(unknown)
	}
	contenders := []*contender.Contender{contender.GWS, contender.Coder, contender.Bun}
	results := new(report.Results)
	for _, w := range workloads {
		for i, c := range contenders {
			for round := range 3 {
				results.Add(w.Name, c.Name, load.Figures{
					Units: 1, Rate: float64(1000 * (i + 1)), PerUnit: float64(4 - i + round), PerRead: 1, Client: 0.5,
					P50: time.Millisecond, P99: 2 * time.Millisecond, Resident: 2048, Heap: 1024, Stacks: 512,
				}, nil)
			}
		}
	}
	results.Add("idle", "coder", load.Figures{}, fmt.Errorf("3 deliveries never came"))
	var b strings.Builder
	_, err := report.Readme{
		Machine: report.ThisMachine(t.TempDir(), "go run ./bench"), Rounds: 3, Duration: "1s",
		Contenders: contenders, Workloads: workloads, Results: results,
	}.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| gws    |      1,000 |      0.50 |  0.33 |                      5.00 |      1.25 |  1.67 |",
		"| bun    |      3,000 |      1.50 |  1.00 |                      3.00 |      0.75 |  1.00 |",
		"| coder ⚠ |          2.0 |",
		"⚠ coder failed in some rounds, which are left out: 3 deliveries never came",
		"not committed yet",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
}

func TestFlags(t *testing.T) {
	o, err := parse([]string{"-only", "echo-1, rooms", "-rounds", "2"})
	if err != nil {
		t.Fatal(err)
	}
	if o.full() || o.rounds != 2 || strings.Join(o.workloads, "|") != "echo-1|rooms" {
		t.Errorf("parsed %+v", o)
	}
	for _, bad := range [][]string{{"-rounds", "0"}, {"-duration", "1ns"}, {"extra"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	o.workloads = []string{"nonsense"}
	if err := measure(t.Context(), o); err == nil || !strings.Contains(err.Error(), "echo-16") {
		t.Errorf("an unknown workload: %v", err)
	}
}

func TestOutputFile(t *testing.T) {
	got, err := outputFile("")
	if err != nil || filepath.Base(got) != "README.md" {
		t.Errorf("%q, %v", got, err)
	}
	t.Chdir(t.TempDir())
	if got, err := outputFile(""); err == nil {
		t.Errorf("outside of the repository: %q", got)
	}
}
