package redis_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/need"
)

// patience is how long what has to happen may take.
const patience = 30 * time.Second

// process is a redis-server.
type process struct {
	program  string
	addr     string
	dir      string
	args     []string
	password string // for do
	cmd      *exec.Cmd
	ended    chan struct{} // closed when it has ended and its output is read
}

// startServer starts a redis-server that the test has for itself.
func startServer(t testing.TB, args ...string) *process {
	t.Helper()
	p := &process{program: need.Program(t, "redis-server"), dir: t.TempDir()}
	t.Cleanup(func() { p.stop(t) })
	for range 20 { // ports, of which others may take one before the server does
		port := freePort(t)
		p.addr = net.JoinHostPort("127.0.0.1", port)
		p.args = append([]string{
			"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", p.dir,
		}, args...)
		err := p.start()
		if err == nil {
			return p
		}
		if !strings.Contains(err.Error(), "Address already in use") {
			t.Fatal(err)
		}
	}
	t.Fatal("redis-server: found no free port")
	return nil
}

// freePort returns a port below those that the system gives to the connections of clients.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("found no free port")
	return ""
}

// start returns when the server accepts connections.
func (p *process) start() error {
	p.cmd = exec.Command(p.program, p.args...)
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	ready := make(chan struct{})
	var said strings.Builder // read by others when ended is closed
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				close(ready)
			}
			fmt.Fprintln(&said, lines.Text())
		}
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-ready:
		return nil
	case <-p.ended:
		_ = p.cmd.Wait()
		p.cmd = nil
		return fmt.Errorf("redis-server ended:\n%s", said.String())
	case <-late.C:
		return errors.New("redis-server does not accept connections")
	}
}

// stop kills the server. What it had is gone.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.kill(t)
	rest, _ := filepath.Glob(filepath.Join(p.dir, "*"))
	for _, file := range rest {
		_ = os.Remove(file)
	}
}

// kill kills the server and waits for its end.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-p.ended
	_ = p.cmd.Wait() // it was killed
	p.cmd = nil
}

func (p *process) restart(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
}

func (p *process) url() string { return "redis://" + p.addr }

// do sends a command on a connection of its own and returns the answer: a line, or a string.
func (p *process) do(t testing.TB, command ...string) string {
	t.Helper()
	c := p.dial(t)
	defer c.Close()
	return c.do(t, command...)
}

// client is a connection to a server.
type client struct {
	net.Conn
	r *bufio.Reader
}

func (p *process) dial(t testing.TB) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := &client{conn, bufio.NewReader(conn)}
	if p.password != "" {
		c.do(t, "AUTH", p.password)
	}
	return c
}

func (c *client) do(t testing.TB, command ...string) string {
	t.Helper()
	answer, err := c.try(command...)
	if err != nil {
		t.Fatalf("%.200q: %v", command, err)
	}
	return answer
}

func (c *client) try(command ...string) (string, error) {
	request := fmt.Sprintf("*%d\r\n", len(command))
	for _, word := range command {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, text := line[0], strings.TrimSpace(line[1:])
	switch kind {
	case '-':
		return "", errors.New(text)
	case '$':
		size, err := strconv.Atoi(text)
		if err != nil || size < 0 {
			return "", err
		}
		value := make([]byte, size+2)
		_, err = io.ReadFull(c.r, value)
		return string(value[:size]), err
	}
	return text, nil
}
