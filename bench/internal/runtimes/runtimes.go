// Package runtimes finds and installs what the contenders outside Go run on.
//
// Everything is kept in one folder of the user's cache: the npm packages in the
// versions that package-lock.json pins, and the server scripts beside them, so
// that they find the packages.
package runtimes

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/wsgate/wsgate/internal/test/npm"
)

//go:embed package.json package-lock.json
var files embed.FS

//go:embed scripts
var scripts embed.FS

var packages = npm.Packages{Folder: "wsgate-bench", Files: files, How: "go -C bench run . -install"}

// Versions lists the pinned packages.
func Versions() map[string]string {
	versions, _ := packages.Versions()
	return versions
}

// Install fetches the packages with npm. It is the only part of the benchmark
// that needs the network.
func Install(ctx context.Context) error { return packages.Install(ctx) }

// Command prepares a script to be run by its runtime, "bun" or "node", or says
// what is missing.
func Command(runtime, script string, args ...string) (*exec.Cmd, error) {
	if err := packages.Check(); err != nil {
		return nil, err
	}
	folder, err := packages.Dir()
	if err != nil {
		return nil, err
	}
	find, flags := findNode, []string{"--expose-gc"}
	if runtime == "bun" {
		find, flags = findBun, nil
	}
	binary, err := find(folder)
	if err != nil {
		return nil, err
	}
	if err := writeScript(folder, script); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, slices.Concat(flags, []string{script}, args)...)
	cmd.Dir = folder
	return cmd, nil
}

// findBun prefers the package's own binary to the launcher in front of it, so
// that the process measured is the server.
func findBun(folder string) (string, error) {
	for _, pattern := range []string{"node_modules/@oven/*/bin/bun", "node_modules/bun/bin/bun.exe"} {
		if found, _ := filepath.Glob(filepath.Join(folder, pattern)); len(found) > 0 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("%s: the bun package has no program for this machine", folder)
}

func findNode(string) (string, error) { return exec.LookPath("node") }

func writeScript(folder, name string) error {
	text, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), text, 0o644)
}
