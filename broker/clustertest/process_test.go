package clustertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The test binary, started again with these variables, plays a role in place of running tests.
const (
	roleVariable   = "WSGATE_CLUSTERTEST_ROLE"
	configVariable = "WSGATE_CLUSTERTEST_CONFIG" // JSON
)

func ownRole() (role, config string, ok bool) {
	role, ok = os.LookupEnv(roleVariable)
	return role, os.Getenv(configVariable), ok
}

// play returns when the role is over, at the latest when the input ends: with the process that has started it.
func play(role, config string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	switch role {
	case "node":
		return playNode(ctx, config)
	case "nats":
		return playNATS(ctx, config)
	}
	return fmt.Errorf("have the role %q, want node or nats", role)
}

// process is a program that a test runs: an engine or a node. It may be started again when it has ended.
type process struct {
	name    string
	command func() *exec.Cmd
	orderly bool              // it ends by itself when its input does
	hear    func(line string) // what it says, may be nil

	cmd    *exec.Cmd // nil while it does not run
	input  io.Closer
	said   *record[string]
	ended  chan struct{} // closed when it has ended and everything was heard that it has said
	errors bytes.Buffer  // what it has written there; read when it has ended
}

// roleProcess returns a process that plays a role of the test binary.
func roleProcess(t testing.TB, name, role string, config any) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return &process{name: name, orderly: true, command: func() *exec.Cmd {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), roleVariable+"="+role, configVariable+"="+string(text))
		return cmd
	}}
}

// start returns the first line that contains the word. The process ends with the test.
func (p *process) start(t testing.TB, word string) (line string) {
	t.Helper()
	line, err := p.tryStart(t, word)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func (p *process) tryStart(t testing.TB, word string) (line string, err error) {
	cmd := p.command()
	cmd.Stderr = io.MultiWriter(t.Output(), &p.errors)
	output, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if p.input, err = cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	p.cmd, p.said, p.ended = cmd, &record[string]{}, make(chan struct{})
	t.Cleanup(func() { p.end(t) })
	go func(said *record[string], ended chan struct{}) { // kill waits for it
		defer close(ended)
		defer said.add(theEnd)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			said.add(lines.Text())
			if p.hear != nil {
				p.hear(lines.Text())
			}
		}
	}(p.said, p.ended)
	return p.await(word)
}

// theEnd stands behind the last line of a process.
const theEnd = "(it has ended)"

// await returns the first line with the word.
func (p *process) await(word string) (line string, err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("it does not say that"))
	defer cancel()
	line, _, err = p.said.find(ctx, 0, func(line string) bool { return strings.Contains(line, word) || line == theEnd })
	if err == nil && line == theEnd {
		err = fmt.Errorf("it has ended: got %q", p.said.all())
	}
	if err != nil {
		return "", fmt.Errorf("%s: waiting for %q: %w", p.name, word, err)
	}
	return line, nil
}

// end ends the process if it runs. In a test that has failed it may not be able to end by itself.
func (p *process) end(t testing.TB) {
	t.Helper()
	switch {
	case p.cmd == nil:
	case p.orderly && !t.Failed():
		p.stop(t)
	default:
		p.kill(t)
	}
}

// kill ends the process at once, without a word to anybody.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%s: %v", p.name, err)
	}
	_ = p.wait(t)
}

// stop has the process end by itself.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.input.Close()
	running := p.cmd.Process
	late := time.AfterFunc(2*patience, func() { _ = running.Kill() })
	defer late.Stop()
	if err := p.wait(t); err != nil {
		t.Errorf("%s: %v, want an orderly end", p.name, err)
	}
}

// wait waits for the end of the process, and fails the test if the race detector has found something in it.
func (p *process) wait(t testing.TB) error {
	t.Helper()
	<-p.ended
	err := p.cmd.Wait()
	p.input.Close()
	p.cmd = nil
	if strings.Contains(p.errors.String(), "DATA RACE") {
		t.Errorf("%s: has a data race, see its output", p.name)
	}
	return err
}
