// Command wsgate talks to WebSocket gateways from a shell, and says what can be talked about.
//
//	wsgate call URL EVENT [PAYLOAD]   sends an event and prints the answer
//	wsgate listen URL                 prints what arrives, and reconnects
//	wsgate bench URL                  measures how fast a server answers
//	wsgate contract URL               prints what clients may send, and what the server sends
//	wsgate contract diff OLD NEW      says what a new contract breaks for clients of an old one
//	wsgate gen ts URL                 prints a contract as types of TypeScript
//	wsgate completion SHELL           prints a completion script
//	wsgate version                    prints the version
//
// Results go to stdout, everything else to stderr, and an error is one line. The exit code says what happened, see
// `wsgate COMMAND --help`:
//
//	0    it worked
//	1    the server answered with an error
//	2    the command line is wrong
//	3    no connection: refused, lost or closed by the server
//	4    no answer in time
//	5    stdout cannot be written
//	6    a contract breaks clients
//	130  interrupted
//
// The command line is read by github.com/spf13/cobra. Package flag has neither subcommands nor completion, and scripts
// that complete for four shells are nothing to write by hand; cobra has both, is what other commands of this ecosystem
// use, and brings no dependency but its own flag package.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &tool{
		stdin: stdin, stdout: stdout, stderr: stderr,
		terminal: isTerminal(stderr), progress: time.Second, sleep: sleep,
	}
	return t.run(ctx, args)
}

// tool is the environment of the commands.
type tool struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	terminal bool                                       // whether stderr is a terminal
	progress time.Duration                              // interval of progress reports
	sleep    func(context.Context, time.Duration) error // returns the context's error if that is done first
}

// isTerminal reports whether w appears to be a terminal: a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
