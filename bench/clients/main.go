//go:build linux

// Command clients measures the client for JavaScript beside those of Socket.IO
// and SignalR. Each calls its own server, which answers with what it got. All
// of them run in Node.js on the ws package.
//
//	go run ./bench/clients
//
// Flags: -rounds, -duration. The table is printed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/report"
	"github.com/wsgate/wsgate/bench/internal/runtimes"
	"github.com/wsgate/wsgate/bench/internal/server"
	"github.com/wsgate/wsgate/internal/test/npm"
)

// client is one client under test, with the server it calls.
type client struct {
	name   string
	server *contender.Contender
}

var clients = []client{
	{"wsgate", contender.WsgateCalls},
	{"socket.io", contender.SocketIO},
	{"signalr", contender.SignalR},
	{"by hand", contender.WsgateCalls},
}

// figures are those of one measurement.
type figures struct {
	Calls   float64
	Seconds float64
	CPU     float64 // seconds of the client's processor time
}

func (f figures) rate() float64    { return f.Calls / f.Seconds }
func (f figures) cpuEach() float64 { return f.CPU / f.Calls * 1e6 } // in µs

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

// run is the whole program. With the arguments "serve NAME" it is one of the
// servers that it starts itself.
func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == "serve" {
		for _, c := range clients {
			if c.server.Name == args[1] && c.server.Serve != nil {
				return server.Serve(c.server, "")
			}
		}
		return fmt.Errorf("no server %q", args[1])
	}
	flags := flag.NewFlagSet("clients", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "measure everything this `many` times, in turns, and take medians")
	duration := flags.Duration("duration", 2*time.Second, "of one measurement, after a warm-up of half of it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "wsgate-clients-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	module, err := buildClient(ctx, folder)
	if err != nil {
		return err
	}
	for _, outstanding := range []int{1, 16} {
		found := make([][]figures, len(clients))
		for round := range *rounds {
			for i := range clients {
				i = (i + round) % len(clients)
				f, err := measure(ctx, clients[i], outstanding, *duration, module)
				if err != nil {
					return fmt.Errorf("%s: %w", clients[i].name, err)
				}
				found[i] = append(found[i], f)
			}
		}
		printTable(outstanding, found)
	}
	return nil
}

// measure runs one client in a process of its own, against a server that was
// started for it.
func measure(ctx context.Context, c client, outstanding int, duration time.Duration, module string) (f figures, err error) {
	p, err := server.Start(c.server, "")
	if err != nil {
		return f, err
	}
	defer func() {
		if stopErr := p.Stop(); err == nil {
			err = stopErr
		}
	}()
	cmd, err := runtimes.Command("node", "calls.mjs", c.name, p.Addr().String(), fmt.Sprint(outstanding),
		fmt.Sprint(duration.Milliseconds()/2), fmt.Sprint(duration.Milliseconds()), module)
	if err != nil {
		return f, err
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, err
	}
	if f.Calls == 0 {
		return f, errors.New("no call was answered")
	}
	return f, ctx.Err()
}

// printTable prints the medians. A ratio is that of wsgate's client to the other.
func printTable(outstanding int, found [][]figures) {
	fmt.Printf("\n### %d outstanding\n\n", outstanding)
	fmt.Println("| client | calls/s | wsgate's × | client CPU µs per call | wsgate's × |")
	fmt.Println("|---|---:|---:|---:|---:|")
	ours, oursCPU := report.Median(found[0], figures.rate), report.Median(found[0], figures.cpuEach)
	for i, c := range clients {
		rate, cpu := report.Median(found[i], figures.rate), report.Median(found[i], figures.cpuEach)
		fmt.Printf("| %s | %.0f | %.2f | %.1f | %.2f |\n", c.name, rate, ours/rate, cpu, oursCPU/cpu)
	}
}

// buildClient makes the client's source one file of JavaScript in folder, and
// returns its path.
func buildClient(ctx context.Context, folder string) (string, error) {
	source, err := clientSource()
	if err != nil {
		return "", err
	}
	if err := npm.ForTests.Check(); err != nil {
		return "", err
	}
	packages, err := npm.ForTests.Dir()
	if err != nil {
		return "", err
	}
	module := filepath.Join(folder, "wsgate.mjs")
	cmd := exec.CommandContext(ctx, filepath.Join(packages, "node_modules/.bin/esbuild"),
		source, "--bundle", "--format=esm", "--outfile="+module, "--log-level=warning")
	cmd.Stderr = os.Stderr
	return module, cmd.Run()
}

// clientSource finds the client's source from the repository's root or from
// bench.
func clientSource() (string, error) {
	for _, root := range []string{".", ".."} {
		path := filepath.Join(root, "clients/typescript/src/index.ts")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("clients/typescript is not here: run it from the repository's root")
}
