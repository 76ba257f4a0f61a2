//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/load"
	"github.com/wsgate/wsgate/bench/internal/report"
	"github.com/wsgate/wsgate/bench/internal/runtimes"
	"github.com/wsgate/wsgate/bench/internal/server"
	"github.com/wsgate/wsgate/bench/internal/workload"
)

// measure runs every contender in every workload, as often as there are rounds,
// prints the tables, and writes the report after a full run.
func measure(ctx context.Context, o options) error {
	workloads, unknown := workload.Find(o.workloads)
	if unknown != "" {
		return fmt.Errorf("no workload %q; there are %v", unknown, workload.Names())
	}
	contenders, missing, err := choose(o.contenders)
	if err != nil {
		return err
	}
	output := ""
	if o.full() {
		if output, err = outputFile(o.output); err != nil {
			return err
		}
	}
	if err := raiseFileLimit(); err != nil {
		return err
	}
	for _, why := range missing {
		fmt.Fprintln(os.Stderr, "not measured:", why)
	}
	results := new(report.Results)
	s := series{options: o, workloads: workloads, contenders: contenders, results: results}
	if err := s.rounds(ctx); err != nil {
		return err
	}
	readme := report.Readme{
		Machine:    report.ThisMachine(filepath.Dir(output), o.command()),
		Rounds:     o.rounds,
		Duration:   o.duration.String(),
		Contenders: contenders,
		Missing:    missing,
		Workloads:  workloads,
		Results:    results,
	}
	for _, w := range workloads {
		fmt.Printf("\n%s\n\n%s", w.Title, readme.Table(w))
		for _, line := range readme.Failures(w) {
			fmt.Println(line)
		}
	}
	if output == "" {
		return nil
	}
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	if _, err := readme.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// choose picks the contenders of those names, all for none, and leaves out those
// whose runtime is not installed.
func choose(names []string) (found []*contender.Contender, missing []string, err error) {
	all := contender.All()
	if len(names) > 0 {
		all = nil
		for _, name := range names {
			c := contender.Find(name)
			if c == nil {
				return nil, nil, fmt.Errorf("no contender %q; there are %v", name, contender.Names())
			}
			all = append(all, c)
		}
	}
	for _, c := range all {
		if c.Script != "" {
			if _, err := runtimes.Command(c.Runtime, c.Script); err != nil {
				missing = append(missing, fmt.Sprintf("%s, %v", c.Name, err))
				continue
			}
		}
		found = append(found, c)
	}
	return found, missing, nil
}

// series is one run of the program.
type series struct {
	options    options
	workloads  []workload.Workload
	contenders []*contender.Contender
	results    *report.Results
	done       int
}

// rounds goes through all contenders of a workload before the next workload, and
// begins with another contender in every round, so that whatever else changes on
// the machine hits all alike.
func (s *series) rounds(ctx context.Context) error {
	for round := range s.options.rounds {
		for _, w := range s.workloads {
			for i := range s.contenders {
				c := s.contenders[(i+round*len(s.contenders)/s.options.rounds)%len(s.contenders)]
				if !c.Takes(w.Name) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				f, err := measureOne(c, w, s.scale(), s.times(), s.profile(c, w, round))
				s.results.Add(w.Name, c.Name, f, err)
				s.progress(c, w, f, err)
			}
		}
	}
	return nil
}

func (s *series) scale() workload.Scale {
	scale := workload.Full
	scale.Idle, scale.Rest = s.options.idle, s.options.rest
	return scale
}

func (s *series) times() load.Times {
	return load.Times{WarmUp: s.options.duration / 3, Measure: s.options.duration}
}

// profile names the file for a measurement's CPU profile, if one is wanted.
func (s *series) profile(c *contender.Contender, w workload.Workload, round int) string {
	if s.options.profiles == "" || c.Serve == nil {
		return ""
	}
	return filepath.Join(s.options.profiles, fmt.Sprintf("%s-%s-%d.pprof", c.Name, w.Name, round+1))
}

func (s *series) progress(c *contender.Contender, w workload.Workload, f load.Figures, err error) {
	total := 0
	for _, c := range s.contenders {
		for _, w := range s.workloads {
			if c.Takes(w.Name) {
				total += s.options.rounds
			}
		}
	}
	s.done++
	line := fmt.Sprintf("[%*d/%d] %-12s %-14s ", len(fmt.Sprint(total)), s.done, total, w.Name, c.Name)
	switch {
	case err != nil:
		line += "failed: " + err.Error()
	case w.Kind == workload.Latency:
		line += fmt.Sprintf("p50 %v  p99 %v", f.P50.Round(10*time.Microsecond), f.P99.Round(10*time.Microsecond))
	case w.Kind == workload.Seldom:
		line += fmt.Sprintf("p50 %v  p99 %v  %.2f µs  %.1f KiB resident, %.1f before collecting", f.P50.Round(100*time.Nanosecond), f.P99.Round(100*time.Nanosecond), f.PerUnit, f.Resident/1024, f.Before/1024)
	case w.Kind == workload.Memory:
		line += fmt.Sprintf("%.1f KiB resident  %.1f KiB heap", f.Resident/1024, f.Heap/1024)
	default:
		line += fmt.Sprintf("%.0f/s  %.2f µs", f.Rate, f.PerUnit)
	}
	fmt.Fprintln(os.Stderr, line)
}

// measureOne starts a server for one measurement and stops it again.
func measureOne(c *contender.Contender, w workload.Workload, s workload.Scale, times load.Times, profile string) (f load.Figures, err error) {
	if profile != "" {
		if err := os.MkdirAll(filepath.Dir(profile), 0o755); err != nil {
			return f, err
		}
	}
	p, err := server.Start(c, profile)
	if err != nil {
		return f, err
	}
	f, err = w.Run(load.Target{Server: p, Dialect: c.Dialect}, s, times)
	if stopErr := p.Stop(); err == nil {
		err = stopErr
	}
	runtime.GC() // not during the next measurement
	return f, err
}

// raiseFileLimit allows as many connections as the system does, here and in the
// servers.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = limit.Max
	return os.NewSyscallError("setrlimit", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

// outputFile is where the report goes: where it was asked for, or README.md
// beside this module's go.mod, from the repository's root or from bench.
func outputFile(asked string) (string, error) {
	if asked != "" {
		return filepath.Abs(asked)
	}
	for _, folder := range []string{"bench", "."} {
		b, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && bytes.HasPrefix(b, []byte("module github.com/wsgate/wsgate/bench\n")) {
			return filepath.Abs(filepath.Join(folder, "README.md"))
		}
	}
	return "", fmt.Errorf("a full run writes README.md: run it from the repository's root, or say where with -o")
}
