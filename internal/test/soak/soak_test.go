package soak

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/leak"
)

var (
	deliverFor = flag.Duration("deliver", 4*time.Second, "how long TestDelivery loads the server")
	soakFor    = flag.Duration("soak", 0, "how long TestSoak loads the server; 0 skips it")
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// settled fails the test for whatever the books do not account for.
func settled(t *testing.T, s *server, b *book) {
	t.Helper()
	for _, wrong := range b.errors {
		t.Error(wrong)
	}
	if opened, closed := s.hub.opened.Load(), s.hub.closed.Load(); opened != closed {
		t.Errorf("%d OnOpen, %d OnClose", opened, closed)
	}
	if n := s.app.Hub().Len(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	t.Logf("%d broadcasts; %d deliveries due to those who had joined and not left, all of them made; %d made in all; "+
		"%d more were due to %d slow clients and dropped; %d dead clients; %d visits",
		b.published.Load(), b.due.Load(), b.delivered.Load(), s.hub.owedToSlow.Load(), s.hub.slow.Load(), s.hub.pings.Load(), b.sessions.Load())
	if s.hub.slow.Load() == 0 || s.hub.pings.Load() == 0 {
		t.Error("no client was found to be slow, or none to be dead")
	}
	if b.due.Load() == 0 || b.delivered.Load() < b.due.Load() {
		t.Errorf("%d deliveries are due, %d were made", b.due.Load(), b.delivered.Load())
	}
}

// Every broadcast reaches everybody who had joined before and had not left, once, in order; what slow clients do not get
// is known.
func TestDelivery(t *testing.T) {
	s, b := serve(t), &book{}
	load{stable: 20, movers: 20, visitors: 4, slow: 4, dead: 2}.run(s, b, *deliverFor)
	s.stop()
	settled(t, s, b)
}

// sample is what the process holds.
type sample struct{ minutes, rss, heap, goroutines, files float64 }

func takeSample(begun time.Time) sample {
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	files, _ := os.ReadDir("/proc/self/fd")
	return sample{
		minutes: time.Since(begun).Minutes(), rss: residentKiB(), heap: float64(live[0].Value.Uint64()) / 1024,
		goroutines: float64(runtime.NumGoroutine()), files: float64(len(files)),
	}
}

func residentKiB() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib
		}
	}
	return math.NaN()
}

// slope fits a line and returns its slope and the half width of the 95 % confidence interval (1.96 standard errors).
func slope(x, y []float64) (slope, half float64) {
	n := float64(len(x))
	var mx, my, sxx, sxy, rest float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	slope = sxy / sxx
	for i := range x {
		d := y[i] - my - slope*(x[i]-mx)
		rest += d * d
	}
	return slope, 1.96 * math.Sqrt(rest/(n-2)/sxx)
}

// Under hours of everything that TestDelivery does, nothing grows: the slope of each curve over the last two thirds cannot be
// told from zero, or is too small to matter.
func TestSoak(t *testing.T) {
	if *soakFor == 0 {
		t.Skip("soaking takes minutes: make soak")
	}
	s, b := serve(t), &book{}
	begun := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		load{stable: 100, movers: 50, visitors: 10, slow: 5, dead: 5, pause: 2 * time.Millisecond}.run(s, b, *soakFor)
	}()
	every := max(time.Second, *soakFor/200)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var samples []sample
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
			now := takeSample(begun)
			samples = append(samples, now)
			fmt.Printf("%5.1f min  %6.0f KiB resident  %6.0f KiB live heap  %4.0f goroutines  %4.0f files  %d visits  %d deliveries\n",
				now.minutes, now.rss, now.heap, now.goroutines, now.files, b.sessions.Load(), b.delivered.Load())
		}
	}
	s.stop()
	settled(t, s, b)
	debug.FreeOSMemory()

	tail := samples[len(samples)/3:]
	if len(tail) < 10 {
		t.Fatalf("%d samples say nothing: soak for longer", len(tail))
	}
	for _, curve := range []struct {
		name   string
		value  func(sample) float64
		enough float64 // a slope per hour that does not matter
	}{
		{"resident KiB", func(s sample) float64 { return s.rss }, 1024},
		{"live heap KiB", func(s sample) float64 { return s.heap }, 1024},
		{"goroutines", func(s sample) float64 { return s.goroutines }, 1},
		{"files", func(s sample) float64 { return s.files }, 1},
	} {
		var x, y []float64
		for _, s := range tail {
			x, y = append(x, s.minutes/60), append(y, curve.value(s))
		}
		m, half := slope(x, y)
		t.Logf("%s: %+.1f ± %.1f per hour", curve.name, m, half)
		if m-half > curve.enough {
			t.Errorf("%s grow by %.1f ± %.1f per hour", curve.name, m, half)
		}
	}
}
