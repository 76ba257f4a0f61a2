//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/wsgate/wsgate/bench/internal/runtimes"
	"github.com/wsgate/wsgate/internal/test/need"
	"github.com/wsgate/wsgate/internal/test/npm"
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
	os.Exit(m.Run())
}

// Every client gets its answers from its server. The script fails if one is not what was sent.
func TestClients(t *testing.T) {
	if _, err := runtimes.Command("node", "calls.mjs"); err != nil {
		need.Missing(t, err.Error())
	}
	npm.Modules(t, "esbuild")
	t.Chdir("..") // from where the client's source is found
	module, err := buildClient(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			f, err := measure(t.Context(), c, 16, 100*time.Millisecond, module)
			if err != nil {
				t.Fatal(err)
			}
			if f.Calls <= 0 || f.Seconds <= 0 || f.CPU <= 0 {
				t.Errorf("got %+v", f)
			}
		})
	}
}
