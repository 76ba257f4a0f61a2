package abuse

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/wire"
)

const (
	many = 20                    // neighbours
	pace = 40 * time.Millisecond // between the round trips of one
	most = 2 * time.Second       // that one may take
)

// neighbours are healthy clients on another route of the same App. Each makes one round trip after the other.
type neighbours struct {
	book  *book
	leave chan struct{}
	gone  sync.WaitGroup

	mu    sync.Mutex // guards following
	trips []time.Duration
	wrong []string
}

// moveIn connects the neighbours.
func moveIn(s *server, b *book) *neighbours {
	n := &neighbours{book: b, leave: make(chan struct{})}
	for i := range many {
		c := s.dial(s.t)
		c.name = fmt.Sprint("neighbour", i)
		c.put(s.upgrade(home + "?name=" + c.name))
		c.upgraded()
		n.gone.Go(func() { n.live(c) })
	}
	return n
}

// live is the life of one neighbour. It reports a round trip that is lost or takes too long, and a close that does not
// go as it should.
func (n *neighbours) live(c *client) {
	defer c.Close()
	var trips []time.Duration
	wrong := ""
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for wrong == "" && n.living() {
		said := fmt.Sprintf("%s says %d", c.name, len(trips))
		begun := time.Now()
		c.SetDeadline(begun.Add(patience))
		if _, err := c.Write(masked(text, []byte(said))); err != nil {
			wrong = err.Error()
		} else if heard, err := wire.ReadFrame(c.in); err != nil {
			wrong = err.Error()
		} else if heard.First != text || string(heard.Payload) != said {
			wrong = fmt.Sprintf("said %q, heard %x %.100q", said, heard.First, heard.Payload)
		}
		trips = append(trips, time.Since(begun))
		select {
		case <-ticker.C:
		case <-n.leave:
		}
	}
	if wrong == "" {
		c.SetDeadline(time.Now().Add(patience))
		c.Write(masked(closing, []byte("\x03\xe8")))
		if f, err := wire.ReadFrame(c.in); err != nil || string(f.Payload) != "\x03\xe8" {
			wrong = fmt.Sprintf("leaving: got %x %q, %v", f.First, f.Payload, err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trips = append(n.trips, trips...)
	if wrong != "" {
		n.wrong = append(n.wrong, fmt.Sprintf("%s, round trip %d: %s", c.name, len(trips), wrong))
	}
}

func (n *neighbours) living() bool {
	select {
	case <-n.leave:
		return false
	default:
		return true
	}
}

// moveOut ends the round trips and judges them. Only the first call counts. A pause is for how long the machine was
// seen to run nothing of this process at all.
func (n *neighbours) moveOut(t *testing.T, pause time.Duration) {
	if !n.living() {
		return
	}
	close(n.leave)
	n.gone.Wait()
	for _, wrong := range append(n.wrong, n.book.balance()...) {
		t.Error(wrong)
	}
	for name, e := range n.book.entries {
		if len(e.causes) > 0 && e.causes[0] != nil {
			t.Errorf("%s was closed with %v", name, e.causes[0])
		}
	}
	t.Logf("neighbours: %s; the machine paused for up to %v", summary(n.trips), pause)
	if len(n.trips) > 0 {
		if longest := n.trips[len(n.trips)-1]; longest > most+pause {
			t.Errorf("a neighbour's round trip took %v, want at most %v, and %v in which nothing ran", longest, most, pause)
		}
	}
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.trips = append(figures.trips, n.trips...)
	figures.rows[figures.row] = append(figures.rows[figures.row], n.trips...)
}

func summary(trips []time.Duration) string {
	if len(trips) == 0 {
		return "no round trips"
	}
	return fmt.Sprintf("%d round trips, p50 %v, p99 %v, max %v", len(trips), quantile(trips, 0.5), quantile(trips, 0.99), quantile(trips, 1))
}

// paused returns for how long this process did not run.
func (m *memory) paused() time.Duration {
	return time.Duration(m.pause.Load()).Round(time.Millisecond)
}

// memory watches the heap during a test, and whether it gets to run.
type memory struct {
	live uint64 // in use at the start, without garbage
	quit chan struct{}
	done chan struct{}
	peak uint64 // the most that was in use, with garbage; the watcher's until done

	pause atomic.Int64 // the longest time that the watcher was not woken
}

const heapMetric = "/memory/classes/heap/objects:bytes"

func watchMemory() *memory {
	m := &memory{live: liveHeap(), quit: make(chan struct{}), done: make(chan struct{})}
	go m.watch()
	return m
}

func (m *memory) watch() {
	defer close(m.done)
	const every = 10 * time.Millisecond
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: heapMetric}}
	for last := time.Now(); ; {
		now := time.Now()
		m.pause.Store(max(m.pause.Load(), int64(now.Sub(last)-every)))
		last = now
		metrics.Read(sample)
		m.peak = max(m.peak, sample[0].Value.Uint64())
		select {
		case <-ticker.C:
		case <-m.quit:
			return
		}
	}
}

// Bounds for the heap of a test, the client's included: what may be left at its end, and in use at any time.
const (
	mostLeft = 2 << 20
	mostUsed = 32 << 20
)

// check compares with the start. The neighbours still live, the other clients do not.
func (m *memory) check(t *testing.T, most uint64) {
	if most == 0 {
		most = mostUsed
	}
	close(m.quit)
	<-m.done
	left := int64(liveHeap()) - int64(m.live)
	for range 5 { // what finalizers and pools hold takes more than one collection
		if left > mostLeft {
			left = int64(liveHeap()) - int64(m.live)
		}
	}
	used := int64(m.peak) - int64(m.live)
	t.Logf("heap: %+d KiB left, at most %+d KiB in use", left>>10, used>>10)
	if left > mostLeft {
		t.Errorf("%d KiB of heap are left, want at most %d KiB", left>>10, mostLeft>>10)
	}
	if used > int64(most) {
		t.Errorf("%d KiB of heap were in use, want at most %d KiB", used>>10, most>>10)
	}
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.left = max(figures.left, left)
	figures.used = max(figures.used, used)
}

// allocated returns how many bytes were ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools had
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fewestGoroutines returns the number of goroutines without those that come and go.
func fewestGoroutines() int {
	fewest := runtime.NumGoroutine()
	eventually(30*time.Millisecond, func() bool {
		fewest = min(fewest, runtime.NumGoroutine())
		return false
	})
	return fewest
}

// figures are those of all tests together, and the neighbours' round trips of each row.
var figures = total{rows: map[int][]time.Duration{}, fake: map[int]int{}}

type total struct {
	mu         sync.Mutex // guards following
	trips      []time.Duration
	left, used int64
	row        int // that runs now
	rows       map[int][]time.Duration
	fake       map[int]int // round trips in fake time, by row
}

// begin says which row runs now. Rows run one after the other.
func (f *total) begin(row int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.row = row
	f.rows[row], f.fake[row] = nil, 0
}

// faked returns the number of all round trips in fake time.
func (f *total) faked() (n int) {
	for _, trips := range f.fake {
		n += trips
	}
	return n
}

// TestMain prints the figures, and fails when goroutines are left.
func TestMain(m *testing.M) {
	if os.Getenv(fewFiles) != "" {
		if err := serveWithFewFiles(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	before := runtime.NumGoroutine()
	growRuntime()
	code := m.Run()
	if testing.Verbose() {
		printRows()
		fmt.Printf("all tests: %s; in fake time %d more; heap: at most %+d KiB left, %+d KiB in use\n",
			summary(figures.trips), figures.faked(), figures.left>>10, figures.used>>10)
	}
	if !eventually(patience, func() bool { return runtime.NumGoroutine() <= before }) {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", stacks())
		code = max(code, 1)
	}
	os.Exit(code)
}

// growRuntime has the runtime take the memory that it keeps for as many goroutines as there ever were at a time, which
// no test then takes for its own.
func growRuntime() {
	quit := make(chan struct{})
	var all sync.WaitGroup
	for range 5000 {
		all.Go(func() { <-quit })
	}
	close(quit)
	all.Wait()
}
