//go:build !linux

// Command clients measures the client for JavaScript beside others. It starts
// the servers of the benchmark, which runs on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "clients: the benchmark needs Linux")
	os.Exit(1)
}
