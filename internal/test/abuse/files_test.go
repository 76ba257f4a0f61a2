package abuse

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// fewFiles is the environment variable that has the test binary serve an App with few files instead of testing.
const fewFiles = "WSGATE_ABUSE_FEW_FILES"

// files is how many files that server may have open.
const files = 64

// serveWithFewFiles prints the address and serves until the standard input ends.
func serveWithFewFiles() error {
	g := &gateway{entrance{book: newBook()}}
	root := &wsgate.Module{Gateways: []wsgate.Route{{Path: attacked, New: func() *gateway { return g }}}}
	app, err := wsgate.New(root, &wsgate.Options{Logger: slog.New(kit.NewLog())})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := limitFiles(files); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fmt.Println(ln.Addr())
	return app.Serve(ctx, ln)
}

// Rows 16 and 76: with all file descriptors in use the server goes on serving those it has, does not spin, and accepts
// again when there are some.
func noFilesLeft(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("the number of files cannot be limited")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fewFiles+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		t.Fatal(err)
	}
	s := &server{t: t, addr: strings.TrimSpace(addr), book: newBook()}
	outOfFiles(t, s)
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server: %v", err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if t.Logf("the server used %v of CPU", used); used > exhausted {
		t.Errorf("the server used %v of CPU, in not much more than %v", used, exhausted)
	}
}

// exhausted is how long the server has no file left.
const exhausted = time.Second

func outOfFiles(t *testing.T, s *server) {
	var early []*client
	for range 5 {
		c := s.connect(t)
		defer c.Close()
		early = append(early, c)
	}
	var crowd []*client
	for range 2 * files {
		c := s.dial(t) // into the kernel's backlog, when the server has none left
		c.put(s.upgrade(c.target()))
		crowd = append(crowd, c)
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for begun := time.Now(); time.Since(begun) < exhausted; <-ticker.C {
		for _, c := range early {
			c.echoes()
		}
	}
	answered := 0
	for _, c := range crowd {
		if c.idle(time.Millisecond); c.in.Buffered() > 0 {
			answered++
		}
	}
	for _, c := range crowd { // which lets others in
		c.Close()
	}
	if answered == 0 || answered >= files {
		t.Errorf("%d of %d clients were answered by a server with %d files", answered, len(crowd), files)
	}
	begun := time.Now()
	c := s.connect(t)
	defer c.Close()
	c.echoes()
	t.Logf("%d of %d were answered; accepting again took %v", answered, len(crowd), time.Since(begun).Round(time.Millisecond))
}
