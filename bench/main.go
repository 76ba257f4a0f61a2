//go:build linux

// Command bench measures WebSocket servers against each other and writes what
// it found into README.md. That file explains the workloads and the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/runtimes"
	"github.com/wsgate/wsgate/bench/internal/server"
	"github.com/wsgate/wsgate/bench/internal/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the whole program. Its first argument "serve" makes it one of the
// servers that it starts itself.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "serve" {
		return serve(args[1:])
	}
	options, err := parse(args)
	if err != nil {
		return err
	}
	if options.install {
		return runtimes.Install(ctx)
	}
	return measure(ctx, options)
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	profile := flags.String("cpuprofile", "", "write a CPU profile of the server to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c := contender.Find(flags.Arg(0))
	if c == nil || c.Serve == nil {
		return fmt.Errorf("no Go contender %q", flags.Arg(0))
	}
	return server.Serve(c, *profile)
}

// options are the flags of a run.
type options struct {
	rounds     int
	duration   time.Duration
	workloads  []string
	contenders []string
	output     string
	install    bool
	profiles   string
	idle       int
	rest       time.Duration
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "measure everything this `many` times and take medians")
	flags.DurationVar(&o.duration, "duration", time.Second, "of one measurement, after a warm-up of a third of it")
	flags.Func("only", "measure these workloads, a comma between `names`", list(&o.workloads))
	flags.Func("contender", "measure these servers, a comma between `names`", list(&o.contenders))
	flags.StringVar(&o.output, "o", "", "write the report of a full run to this `file` (default README.md beside the program's source)")
	flags.BoolVar(&o.install, "install", false, "install Bun and the ws package into the user's cache folder, and do nothing else")
	flags.StringVar(&o.profiles, "cpuprofile", "", "write a CPU profile of every Go server into this `folder`")
	flags.IntVar(&o.idle, "connections", workload.Full.Idle, "how `many` connections are idle, as far as there are files for them")
	flags.DurationVar(&o.rest, "rest", workload.Full.Rest, "how long they are idle before memory is measured, and between two messages of each in rare")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.idle < 1 || o.rest < 0:
		return o, fmt.Errorf("-connections %d -rest %v: at least 1, and not before now", o.idle, o.rest)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.rounds < 1 || o.rounds > 100:
		return o, fmt.Errorf("-rounds %d: from 1 to 100", o.rounds)
	case o.duration < 50*time.Millisecond || o.duration > time.Minute:
		return o, fmt.Errorf("-duration %v: from 50ms to 1m", o.duration)
	}
	return o, nil
}

func list(into *[]string) func(string) error {
	return func(value string) error {
		for name := range strings.SplitSeq(value, ",") {
			*into = append(*into, strings.TrimSpace(name))
		}
		return nil
	}
}

// full reports whether the run measures everything and nothing else, so that its
// report may replace the one that there is.
func (o options) full() bool {
	return len(o.workloads) == 0 && len(o.contenders) == 0 && o.profiles == "" && o.idle == workload.Full.Idle && o.rest == workload.Full.Rest
}

// command is how to run the same again, after a full run.
func (o options) command() string {
	return fmt.Sprintf("go run ./bench -rounds %d -duration %v", o.rounds, o.duration)
}
