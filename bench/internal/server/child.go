//go:build linux

package server

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"github.com/wsgate/wsgate/bench/internal/contender"
)

// Serve is the whole life of a Go contender's process: it listens on a free
// loopback port, says so on standard output, answers the commands that come in
// on standard input and returns when that ends.
func Serve(c *contender.Contender, cpuProfile string) error {
	if cpuProfile != "" {
		f, err := os.Create(cpuProfile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- c.Serve(ln) }()
	fmt.Printf("%s%s%s\n", replyPrefix, replyReady, ln.Addr())

	ended := make(chan error, 1)
	go func() { ended <- answer() }()
	select {
	case err := <-failed:
		return err
	case err := <-ended:
		return err
	}
}

// answer serves the control pipe until it is closed.
func answer() error {
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		if commands.Text() != commandMemory {
			return fmt.Errorf("unknown command %q", commands.Text())
		}
		heap, stacks := liveMemory()
		fmt.Printf("%s%s%d %d\n", replyPrefix, replyMemory, heap, stacks)
	}
	return commands.Err()
}

// liveMemory collects garbage, gives the free pages back and returns what is
// left: the bytes of live objects and those of goroutine stacks.
func liveMemory() (heap, stacks uint64) {
	runtime.GC() // a second cycle frees what the first one's finalizers and pools held
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}
