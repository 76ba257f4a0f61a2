//go:build unix

package storm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/test/leak"
)

var (
	clients = flag.Int("clients", 60, "how many clients TestRedeploy has")
	pace    = flag.Int("pace", 0, "Limits.DrainPace of TestRedeploy; by default a tenth of the clients, but at least 50")
)

func TestMain(m *testing.M) {
	roles := map[string]func() error{"node": runNode, "proxy": runProxy}
	if role := roles[os.Getenv("STORM_ROLE")]; role != nil {
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(leak.Check(m.Run))
}

// process is a node or the proxy.
type process struct {
	t     *testing.T
	addr  string
	input io.WriteCloser
	lines *bufio.Scanner
	cmd   *exec.Cmd
}

func start(t *testing.T, env ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = os.Stderr
	output, err := p.cmd.StdoutPipe()
	if err == nil {
		p.input, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.input.Close()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	p.lines = bufio.NewScanner(output)
	p.addr = p.read()
	return p
}

func startNode(t *testing.T, addr string, pace int) *process {
	t.Helper()
	return start(t, "STORM_ROLE=node", "STORM_ADDR="+addr, fmt.Sprint("STORM_PACE=", pace))
}

func (p *process) read() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("a process has ended: %v", p.lines.Err())
	}
	return p.lines.Text()
}

func (p *process) tell(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.input, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) report() (r report) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.read()), &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// crowd is the clients. Half of them understand that they are to connect elsewhere.
type crowd struct {
	url       string
	connected atomic.Int64
	failed    atomic.Int64 // calls

	mu                sync.Mutex      // guards following
	moving, returning []time.Duration // how long each of the two kinds was without a connection, each time
	fault             error
}

func (w *crowd) without(gaps *[]time.Duration, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*gaps = append(*gaps, time.Since(since))
}

// take returns the gaps until now.
func (w *crowd) take() (moving, returning []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	moving, returning = w.moving, w.returning
	w.moving, w.returning = nil, nil
	slices.Sort(moving)
	slices.Sort(returning)
	return moving, returning
}

// move is a client that understands. It asks something every two seconds.
func (w *crowd) move(ctx context.Context) {
	var lost time.Time // zero while connected, and before the first time
	first := true
	c := client.New(w.url, &client.Options{
		Logger: slog.New(slog.DiscardHandler),
		OnState: func(_ context.Context, s client.State) {
			switch {
			case s.Phase == client.Connected && first:
				first = false
				w.connected.Add(1)
			case s.Phase == client.Connected && !lost.IsZero():
				w.without(&w.moving, lost)
				w.connected.Add(1)
				lost = time.Time{}
			case s.Phase != client.Connected && !first && lost.IsZero() && ctx.Err() == nil:
				w.connected.Add(-1)
				lost = time.Now()
			}
		},
	})
	if err := c.Dial(ctx); err != nil {
		return
	}
	defer c.Close(context.Background())
	for n := 0; ; n++ {
		select {
		case <-time.After(time.Second + rand.N(2*time.Second)):
		case <-ctx.Done():
			return
		}
		if got, err := client.Call(ctx, c, echo, n); ctx.Err() == nil && (err != nil || got != n) {
			w.failed.Add(1)
			w.mu.Lock()
			w.fault = err
			w.mu.Unlock()
		}
	}
}

// comeBack is a client that does not understand. It connects again when its connection has ended, as the guide says.
func (w *crowd) comeBack(ctx context.Context) {
	var lost time.Time
	for bound := 500 * time.Millisecond; ; bound = min(2*bound, 20*time.Second) {
		ws, _, err := websocket.Dial(ctx, w.url, nil)
		if err == nil {
			bound = 250 * time.Millisecond
			if !lost.IsZero() {
				w.without(&w.returning, lost)
			}
			w.connected.Add(1)
			for err == nil {
				_, _, err = ws.Read(ctx)
			}
			_ = ws.CloseNow()
			w.connected.Add(-1)
			lost = time.Now()
		}
		select {
		case <-time.After(rand.N(min(2*bound, 20*time.Second))):
		case <-ctx.Done():
			return
		}
	}
}

// await waits until all are connected.
func (w *crowd) await(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); w.connected.Load() < int64(n); <-tick.C {
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%d of %d clients are connected", w.connected.Load(), n)
		}
	}
}

// bystander measures how long the other node takes to answer.
func bystander(ctx context.Context, t *testing.T, addr string) (took []time.Duration) {
	c := client.New("ws://"+addr+"/", &client.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := c.Dial(ctx); err != nil {
		t.Error(err)
		return nil
	}
	defer c.Close(context.Background())
	for ctx.Err() == nil {
		begun := time.Now()
		if _, err := client.Call(ctx, c, echo, 1); err != nil && ctx.Err() == nil {
			t.Errorf("a bystander: %v", err)
			return took
		}
		took = append(took, time.Since(begun))
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	slices.Sort(took)
	return took
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(10 * time.Microsecond)
}

// affordable returns how many of n clients the limit of open files allows: while all move at once, the proxy has up to
// three files for each.
func affordable(t *testing.T, n int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if most := (int(limit.Max) - 200) / 3; n > most {
		t.Logf("%d clients instead of %d: the limit of open files is %d", most, n, limit.Max)
		return most
	}
	return n
}

// One of two nodes is redeployed, at a pace and, for comparison, with all clients at once.
func TestRedeploy(t *testing.T) {
	n := affordable(t, *clients)
	most := *pace
	if most == 0 {
		most = max(50, n/10)
	}
	t.Run("at a pace", func(t *testing.T) {
		left, moving, failed, stall := redeploy(t, n, most)
		if left > most+most/2+10 { // fake-time tests are strict
			t.Errorf("%d left within a second, want about %d", left, most)
		}
		if stall > time.Second {
			t.Skipf("the machine is overloaded: an answer took %v", stall) // and so may a client's to the server
		}
		if len(moving) > 0 {
			t.Errorf("%d clients that understand were without a connection, for up to %v", len(moving), moving[len(moving)-1])
		}
		if failed > 0 {
			t.Errorf("%d calls failed", failed)
		}
	})
	t.Run("all at once", func(t *testing.T) { redeploy(t, n, 1<<30) })
}

func redeploy(t *testing.T, n, pace int) (left int, moving []time.Duration, failed int64, stall time.Duration) {
	first, other := startNode(t, "127.0.0.1:0", pace), startNode(t, "127.0.0.1:0", pace)
	proxy := start(t, "STORM_ROLE=proxy", "STORM_NODES="+first.addr+","+other.addr)
	w := &crowd{url: "ws://" + proxy.addr + "/"}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for i := range n {
		if i%2 == 0 {
			running.Go(func() { w.move(ctx) })
		} else {
			running.Go(func() { w.comeBack(ctx) })
		}
		if i%200 == 199 {
			w.await(t, i-100) // not more at once than a listener takes
		}
	}
	w.await(t, n)
	w.take()
	w.failed.Store(0)

	other.tell("mark")
	<-time.After(2 * time.Second)
	other.tell("report")
	idle := other.report().CPU / 2

	measured, endMeasuring := context.WithCancel(ctx)
	defer endMeasuring()
	took := make(chan []time.Duration, 1)
	go func() { took <- bystander(measured, t, other.addr) }()
	other.tell("mark")
	begun := time.Now()
	first.tell("stop")
	stopped := first.report()
	if stopped.Err != "" {
		t.Errorf("Serve: %v", stopped.Err)
	}
	startNode(t, first.addr, pace)
	w.await(t, n)
	back := time.Since(begun)
	<-time.After(time.Second)
	other.tell("report")
	r := other.report()
	endMeasuring()
	answers := <-took
	moving, returning := w.take()
	t.Logf("%d clients on two nodes, one redeployed: it closed %d connections in %v, at most %d within a second; "+
		"the other node opened at most %d within a second, and used %v of processor time in the busiest second, before that %v; "+
		"a client of that node got its answers after p50 %v, p99 %v, at most %v; "+
		"of the clients that understand, %d were without a connection, for at most %v, and %d of their calls failed%s; "+
		"the others were for p50 %v, at most %v; all were connected after %v",
		n, stopped.Ended, stopped.Took.Round(10*time.Millisecond), stopped.Left,
		r.Opened, r.Busiest.Round(time.Millisecond), idle.Round(time.Millisecond),
		quantile(answers, .5), quantile(answers, .99), quantile(answers, 1),
		len(moving), quantile(moving, 1), w.failed.Load(), why(w),
		quantile(returning, .5), quantile(returning, 1), back.Round(10*time.Millisecond))
	return stopped.Left, moving, w.failed.Load(), quantile(answers, 1)
}

func why(w *crowd) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil || errors.Is(w.fault, context.Canceled) {
		return ""
	}
	return " (" + w.fault.Error() + ")"
}
