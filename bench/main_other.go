//go:build !linux

// Command bench measures WebSocket servers against each other. It reads what a
// server costs from Linux, so it runs there only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: the benchmark needs Linux")
	os.Exit(1)
}
