//go:build linux

package report

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/runtimes"
)

// Machine is where and of what the measurements were taken.
type Machine struct {
	Date    string
	Commit  string
	Go      string
	CPU     string
	Cores   int
	Kernel  string
	Command string
}

// ThisMachine describes the machine and the working tree of folder.
func ThisMachine(folder, command string) Machine {
	return Machine{
		Date:    time.Now().UTC().Format("2006-01-02"),
		Commit:  commit(folder),
		Go:      runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		CPU:     cpuModel(),
		Cores:   runtime.NumCPU(),
		Kernel:  firstLine("/proc/sys/kernel/osrelease"),
		Command: command,
	}
}

func commit(folder string) string {
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = folder
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	id, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "not committed yet"
	}
	if changes, err := git("status", "--porcelain", "--untracked-files=no"); err != nil || changes != "" {
		id += " with uncommitted changes"
	}
	return id
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return string(line)
}

// Version is the version of a contender's module or package that is measured.
func Version(c *contender.Contender) string {
	if c.Family == contender.Ours {
		return "this commit"
	}
	if c.Family == contender.Foreign {
		return runtimes.Versions()[c.Module]
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == c.Module {
				return dep.Version
			}
		}
	}
	return "unknown"
}
