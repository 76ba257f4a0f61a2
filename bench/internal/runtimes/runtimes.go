// Package runtimes finds and installs what the contenders outside Go run on.
//
// Everything is kept in one folder of the user's cache: the npm packages in the
// versions that package.json pins, and the server scripts beside them, so that
// they find the packages.
package runtimes

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

//go:embed package.json
var manifest []byte

//go:embed scripts
var scripts embed.FS

// Folder is where the packages and scripts are kept.
func Folder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "wsgate-bench"), nil
}

// Versions lists the pinned packages.
func Versions() map[string]string {
	var m struct{ Dependencies map[string]string }
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil
	}
	return m.Dependencies
}

// Install fetches the packages with npm. It is the only part of the benchmark
// that needs the network.
func Install(ctx context.Context) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("installing bun and ws: %w", err)
	}
	folder, err := Folder()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "package.json"), manifest, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = folder
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// Command prepares a script to be run by its runtime, "bun" or "node", or says
// what is missing.
func Command(runtime, script string, args ...string) (*exec.Cmd, error) {
	folder, err := Folder()
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
	return "", fmt.Errorf("bun is not installed (-install does it)")
}

func findNode(folder string) (string, error) {
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "ws")); err != nil {
		return "", fmt.Errorf("the ws package is not installed (-install does it)")
	}
	return exec.LookPath("node")
}

func writeScript(folder, name string) error {
	text, err := scripts.ReadFile("scripts/" + name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), text, 0o644)
}
