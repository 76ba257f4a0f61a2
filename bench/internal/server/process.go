//go:build linux

package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/runtimes"
)

const (
	replyTimeout = 20 * time.Second
	stopTimeout  = 5 * time.Second
)

// Process is a running contender.
type Process struct {
	addr    netip.AddrPort
	cmd     *exec.Cmd
	control io.WriteCloser
	replies chan string
	stderr  *tail
}

// Start runs the contender in a new process. A Go contender runs in another
// process of this same program, which must answer the arguments serve NAME with
// a call of Serve.
func Start(c *contender.Contender, cpuProfile string) (*Process, error) {
	cmd, err := command(c, cpuProfile)
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, replies: make(chan string, 1), stderr: new(tail)}
	cmd.Stderr = p.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.control, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go p.listen(out)
	address, err := p.reply(replyReady)
	if err == nil {
		p.addr, err = netip.ParseAddrPort(address)
	}
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	return p, nil
}

func command(c *contender.Contender, cpuProfile string) (*exec.Cmd, error) {
	if c.Serve == nil {
		return runtimes.Command(c.Runtime, c.Script, c.Args...)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"serve"}
	if cpuProfile != "" {
		args = append(args, "-cpuprofile", cpuProfile)
	}
	cmd := exec.Command(self, append(args, c.Name)...)
	if c.Family != contender.Ours {
		// In a program built with -race, only this library's races are a failure.
		cmd.Env = append(os.Environ(), "GORACE=exitcode=0")
	}
	return cmd, nil
}

// listen hands over the control replies until the output ends.
func (p *Process) listen(out io.Reader) {
	defer close(p.replies)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if reply, ok := strings.CutPrefix(lines.Text(), replyPrefix); ok {
			p.replies <- reply
		}
	}
}

// reply waits for the reply of that kind and returns what follows it.
func (p *Process) reply(kind string) (string, error) {
	timeout := time.NewTimer(replyTimeout)
	defer timeout.Stop()
	select {
	case line, ok := <-p.replies:
		if !ok {
			return "", fmt.Errorf("the server ended: %s", p.stderr)
		}
		rest, ok := strings.CutPrefix(line, kind)
		if !ok {
			return "", fmt.Errorf("the server said %q instead of %q", line, kind)
		}
		return rest, nil
	case <-timeout.C:
		return "", fmt.Errorf("the server did not answer within %v: %s", replyTimeout, p.stderr)
	}
}

// Addr is where the server listens.
func (p *Process) Addr() netip.AddrPort { return p.addr }

// Stop ends the process and waits for it. Its error says how it ended when it
// did not end well.
func (p *Process) Stop() error {
	p.control.Close()
	killer := time.AfterFunc(stopTimeout, func() { p.cmd.Process.Kill() })
	defer killer.Stop()
	for range p.replies { // until the output ends, as Wait asks for
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ended with %w: %s", err, p.stderr)
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards following
	kept []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = 4 << 10
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - most; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) == 0 {
		return "it printed no error"
	}
	return string(bytes.TrimSpace(t.kept))
}
