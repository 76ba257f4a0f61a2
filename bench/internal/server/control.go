//go:build linux

// Package server runs a contender in a process of its own and reads from the
// operating system what that process costs.
package server

// The control protocol: lines on the server's standard input and output. The
// prefix tells replies from whatever a library prints. Closing the input ends
// the process, so a server cannot outlive the runner.
const (
	commandMemory = "memory" // collect garbage, then report

	replyPrefix = "bench: "
	replyReady  = "ready "  // address
	replyMemory = "memory " // bytes of live heap, bytes of stacks; 0 0 when unknown
)
