package main

import (
	"bytes"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"Examples:", "call ", "listen ", "bench ", "completion ", "version "}},
		{[]string{"help"}, []string{"Examples:"}},
		{[]string{"call", "-h"}, []string{"wsgate call URL EVENT [PAYLOAD]", "Exit codes:\n  0 ", "Examples:\n  wsgate call ", "--timeout", "--header", "--data-key"}},
		{[]string{"help", "call"}, []string{"Exit codes:"}},
		{[]string{"listen", "--help"}, []string{"wsgate listen URL", "Exit codes:\n  0 ", "Examples:\n  wsgate listen ", "--send", "--no-reconnect"}},
		{[]string{"bench", "--help"}, []string{"wsgate bench URL", "Exit codes:\n  0 ", "Examples:\n  wsgate bench ", "--connect-rate", "open-loop", "(default 10s)"}},
		{[]string{"version", "--help"}, []string{"Examples:"}},
		{[]string{"contract", "--help"}, []string{"wsgate contract URL|FILE", "Exit codes:\n  0 ", "Examples:\n  wsgate contract ", "diff "}},
		{[]string{"contract", "diff", "--help"}, []string{"wsgate contract diff OLD NEW", "Exit codes:\n  0 ", "  6 ", "Examples:\n  wsgate contract diff "}},
		{[]string{"gen", "--help"}, []string{"Examples:", "ts "}},
		{[]string{"gen", "ts", "--help"}, []string{"wsgate gen ts URL|FILE", "Exit codes:\n  0 ", "Examples:\n  wsgate gen ts ", "--output"}},
		{[]string{"completion", "bash", "--help"}, []string{"wsgate completion bash"}},
	} {
		code, stdout, stderr := execute(t, "", tt.args...)
		if code != exitOK || stderr != "" {
			t.Errorf("%q: got code %d, stderr %q", tt.args, code, stderr)
		}
		for _, want := range tt.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q: no %q in %s", tt.args, want, stdout)
			}
		}
		for line := range strings.Lines(stdout) {
			if !strings.Contains(line, "--") && len(line) > 100 {
				t.Errorf("%q: a long line: %s", tt.args, line)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, stdout, stderr := execute(t, "", "completion", shell)
		if code != exitOK || !strings.Contains(stdout, "wsgate") || stderr != "" {
			t.Errorf("%s: got code %d, %d bytes, stderr %q", shell, code, len(stdout), stderr)
		}
	}
	// What the scripts ask for.
	if _, stdout, _ := execute(t, "", "__complete", "call", "ws://localhost", "--time"); !strings.Contains(stdout, "--timeout") {
		t.Errorf("got no flags: %q", stdout)
	}
	if _, stdout, _ := execute(t, "", "__complete", "li"); !strings.HasPrefix(stdout, "listen\t") {
		t.Errorf("got no commands: %q", stdout)
	}
}

func TestWrongCommands(t *testing.T) {
	failures(t, []failureTest{
		{"", nil, exitUsage, "a command is missing: bench, call, completion, contract, gen, listen, version; see wsgate --help"},
		{"", []string{"cal"}, exitUsage, `unknown command "cal", did you mean "call"?; see`},
		{"", []string{"frobnicate"}, exitUsage, `unknown command "frobnicate"; see`},
		{"", []string{"--frobnicate"}, exitUsage, "unknown flag: --frobnicate; see wsgate --help"},
		{"", []string{"completion"}, exitUsage, "a shell is missing: bash, fish, powershell, zsh; see wsgate completion --help"},
		{"", []string{"completion", "tcsh"}, exitUsage, `unknown shell "tcsh"`},
		{"", []string{"completion", "bash", "x"}, exitUsage, `"x"`},
		{"", []string{"version", "x"}, exitUsage, `unexpected argument "x"`},
	})
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code, stdout, stderr := execute(t, "", args...); code != exitOK || !strings.HasPrefix(stdout, "wsgate ") || stderr != "" {
			t.Errorf("%q: got code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	for _, tt := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{}, "wsgate of unknown version (library of unknown version, "},
		{
			debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Deps: []*debug.Module{{Path: "example.com/other"}, {Path: library, Version: "v1.2.0"}}},
			"wsgate v1.2.3 (library v1.2.0, go",
		},
		{
			debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Deps: []*debug.Module{{Path: library, Version: "v0.0.0", Replace: &debug.Module{Path: "../"}}}},
			"wsgate (devel) (library of the same checkout, go",
		},
		{ // in the workspace
			debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Deps: []*debug.Module{{Path: library, Version: "(devel)"}}},
			"wsgate (devel) (library of the same checkout, go",
		},
	} {
		if got := describe(&tt.info); !strings.HasPrefix(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	var stderr bytes.Buffer
	if code := run(deadline(t), []string{"version"}, nil, broken{}, &stderr); code != exitOutput {
		t.Errorf("got code %d for a stdout that is full, want %d", code, exitOutput)
	}
}

func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(new(bytes.Buffer)) {
		t.Error("a file is a terminal")
	}
	device, err := os.Open(os.DevNull) // the one character device that every system has
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if !isTerminal(device) {
		t.Error("a character device is no terminal")
	}
}
