//go:build unix

package storm

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/wsgate/wsgate"
)

var echo wsgate.Call[int, int] = "echo"

// gateway answers, and notes when connections open and end.
type gateway struct {
	key *rsa.PrivateKey

	mu      sync.Mutex // guards following
	opened  []time.Time
	stopped []time.Time // those that ended in the shutdown, or since their clients were told to leave
	stop    bool
}

// OnUpgrade costs what a TLS handshake does: a signature by an RSA key of 2,048 bits.
func (g *gateway) OnUpgrade(*http.Request) (struct{}, error) {
	sum := sha256.Sum256(nil)
	_, err := rsa.SignPKCS1v15(rand.Reader, g.key, crypto.SHA256, sum[:])
	return struct{}{}, err
}

func (g *gateway) OnOpen(context.Context, *wsgate.Conn[struct{}]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = append(g.opened, time.Now())
	return nil
}

func (g *gateway) OnClose(context.Context, *wsgate.Conn[struct{}], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stop {
		g.stopped = append(g.stopped, time.Now())
	}
}

func (g *gateway) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.Answer(echo, func(_ context.Context, _ *wsgate.Conn[struct{}], n int) (int, error) { return n, nil })}
}

// report is what a node tells about the time since it was told to mark its beginning, or to stop.
type report struct {
	CPU     time.Duration // used
	Busiest time.Duration // used in the busiest second
	Opened  int           // connections in the second in which most opened
	Left    int           // connections in the second in which most ended
	Ended   int           // connections
	Took    time.Duration // to stop
	Err     string
}

// inOneSecond returns how many of the times are within the second that has most of them.
func inOneSecond(times []time.Time) (most int) {
	for i, from := range times {
		n, _ := slices.BinarySearchFunc(times[i:], from.Add(time.Second), time.Time.Compare)
		most = max(most, n)
	}
	return most
}

// runNode is the process of a node: it serves until it reads "stop", and prints a report.
func runNode() error {
	pace, err := strconv.Atoi(os.Getenv("STORM_PACE"))
	if err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	g := &gateway{key: key}
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *gateway { return g }}}},
		&wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: wsgate.Limits{DrainPace: pace, Drain: time.Minute}},
	)
	if err == nil {
		err = app.Handle("GET /ready", http.HandlerFunc(app.ServeReady))
	}
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", os.Getenv("STORM_ADDR"))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- app.Serve(ctx, ln) }()
	fmt.Println(ln.Addr())
	var used meter
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "mark":
			g.mu.Lock()
			g.opened = nil
			g.mu.Unlock()
			used.begin()
		case "report":
			var r report
			r.CPU, r.Busiest = used.end()
			g.mu.Lock()
			r.Opened = inOneSecond(g.opened)
			g.mu.Unlock()
			if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
				return err
			}
		case "stop":
			g.mu.Lock()
			g.stop = true
			g.mu.Unlock()
			begun := time.Now()
			stop()
			err := <-served
			r := report{Took: time.Since(begun), Left: inOneSecond(g.stopped), Ended: len(g.stopped)}
			if err != nil {
				r.Err = err.Error()
			}
			return json.NewEncoder(os.Stdout).Encode(r)
		}
	}
	return nil // the test is over
}

// meter measures the processor time of this process.
type meter struct {
	stop    chan struct{}
	samples chan []time.Duration
}

const sampleEvery = 50 * time.Millisecond

func (m *meter) begin() {
	m.stop, m.samples = make(chan struct{}), make(chan []time.Duration, 1)
	go func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		all := []time.Duration{cpu()}
		for {
			select {
			case <-tick.C:
				all = append(all, cpu())
			case <-m.stop:
				m.samples <- append(all, cpu())
				return
			}
		}
	}()
}

func (m *meter) end() (whole, busiest time.Duration) {
	close(m.stop)
	all := <-m.samples
	const second = int(time.Second / sampleEvery)
	for i, used := range all {
		busiest = max(busiest, used-all[max(0, i-second)])
	}
	return all[len(all)-1] - all[0], busiest
}

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
