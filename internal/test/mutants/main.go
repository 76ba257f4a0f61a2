// Command mutants puts faults into the library, one at a time, and shows which test notices. A fault that none notices
// survives, and makes the exit status 1. Run it from the root of the module:
//
//	go run ./internal/test/mutants [-run words]
//
// Nothing is written to the source: the go command is given each fault as an overlay.
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
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	words := flag.String("run", "", "only mutants whose name has these `words`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *words); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, words string) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	noticed, tried := 0, 0
	for _, m := range mutants {
		if !strings.Contains(m.name, words) {
			continue
		}
		tried++
		killer, err := m.try(ctx, dir)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case err != nil:
			killer = "CANNOT BE TRIED: " + err.Error()
		case killer == "":
			killer = "SURVIVES"
		default:
			noticed++
		}
		fmt.Printf("%-60s %s\n", m.name, killer)
	}
	fmt.Printf("%d of %d faults were noticed\n", noticed, tried)
	if noticed < tried {
		return errors.New("some were not")
	}
	return nil
}

// patience is for the tests of one mutant: one that hangs was noticed.
const patience = 3 * time.Minute

// try runs the tests with the fault and returns the first that fails, "" if none does.
func (m *mutant) try(ctx context.Context, dir string) (killer string, err error) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./...")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the fault does not compile: %w\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	args := []string{"test", "-overlay", overlay, "-failfast", "-count=1", "-timeout=100s"}
	for pkg := range strings.FieldsSeq(m.tests) {
		if strings.HasPrefix(pkg, "-") { // a flag for the packages after it
			args = append(args, pkg)
			continue
		}
		test := exec.CommandContext(ctx, "go", append(slices.Clip(args), pkg)...)
		out, err := test.CombinedOutput()
		if err != nil {
			return pkg + " " + firstFailure(string(out)), nil
		}
	}
	return "", nil
}

// overlay writes the file with the fault, and the overlay that puts it in place.
func (m *mutant) overlay(dir string) (string, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("%s has %q %d times, want once", m.file, m.old, n)
	}
	abs, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	faulty := filepath.Join(dir, "faulty.go")
	mutated := strings.Replace(string(text), m.old, m.new, 1)
	// What the fault no longer uses would not compile.
	if err := os.WriteFile(faulty, []byte(mutated+used(mutated)), 0o600); err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	spec, err := json.Marshal(map[string]map[string]string{"Replace": {abs: faulty}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, spec, 0o600)
}

// used keeps imports in use that a fault may have left without one.
func used(text string) (uses string) {
	for pkg, use := range map[string]string{`"time"`: "time.Now", `"unicode/utf8"`: "utf8.Valid", `"slices"`: "slices.Contains[[]int]"} {
		if strings.Contains(text, pkg) {
			uses += "\nvar _ = " + use + "\n"
		}
	}
	return uses
}

var failed = regexp.MustCompile(`--- FAIL: (\S+)`)

// firstFailure names what failed, as far as the output tells.
func firstFailure(out string) string {
	if all := failed.FindAllStringSubmatch(out, -1); all != nil {
		return all[len(all)-1][1] // the innermost is printed last
	}
	switch {
	case strings.Contains(out, "panic:"):
		return "panicked: " + strings.SplitN(out[strings.Index(out, "panic:")+7:], "\n", 2)[0]
	case strings.Contains(out, "deadlock"):
		return "deadlocked"
	}
	return "failed or did not end"
}
