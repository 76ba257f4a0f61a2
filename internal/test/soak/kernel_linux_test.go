package soak

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// sendBuffers are settings of the kernel's send buffer.
var sendBuffers = []struct {
	name string
	wsgate.Limits
}{
	{"the system's defaults", wsgate.Limits{}},
	{"SendBuffer of 64 KiB", wsgate.Limits{SendBuffer: 64 << 10}},
	{"UnsentBytes of 128 KiB", wsgate.Limits{UnsentBytes: 128 << 10}},
	{"UnsentBytes of 16 KiB", wsgate.Limits{UnsentBytes: 16 << 10}},
}

// kernelMemory returns how much memory the kernel uses for the buffers of all TCP sockets.
func kernelMemory(t *testing.T) float64 {
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		t.Skip("the kernel does not tell what its buffers hold")
	}
	for line := range strings.Lines(string(text)) {
		var inuse, orphan, waiting, alloc, pages int
		if _, err := fmt.Sscanf(line, "TCP: inuse %d orphan %d tw %d alloc %d mem %d", &inuse, &orphan, &waiting, &alloc, &pages); err == nil {
			return float64(pages * os.Getpagesize())
		}
	}
	t.Fatalf("got %s", text)
	return 0
}

func plain(ln net.Listener) net.Listener { return ln }

// What the kernel holds for clients that do not read, by the setting of its send buffer. It is not the App's to bound by
// default, so this only tells.
func TestKernelBuffersOfStalled(t *testing.T) {
	const size = 64 << 10
	kernelMemory(t) // skips, before there are clients
	for _, setting := range sendBuffers {
		t.Run(setting.name, func(t *testing.T) {
			n := *stalledClients
			limits := setting.Limits
			limits.Ping, limits.Write, limits.Close = time.Hour, time.Hour, time.Second
			c := gather(t, limits, n, false, plain)
			before := kernelMemory(t)
			message := wsgate.Binary(make([]byte, size))
			most := 0.0
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for range 16 << 20 / size {
				c.room.Send(message)
				most = max(most, kernelMemory(t)-before)
				<-pace.C
			}
			t.Logf("%d clients that do not read: the kernel holds %.0f KiB for each", n, most/1024/float64(n))
		})
	}
}

// What a small send buffer costs those that read.
func TestKernelBuffersOfReaders(t *testing.T) {
	const readers, size, rounds = 20, 64 << 10, 500
	for _, setting := range sendBuffers {
		t.Run(setting.name, func(t *testing.T) {
			c := gather(t, setting.Limits, 0, false, plain)
			read := make(chan int64, readers)
			for range readers {
				conn := c.join()
				if conn == nil {
					return
				}
				go func() {
					n, _ := io.CopyN(io.Discard, conn, rounds*size)
					read <- n
				}()
			}
			awaitCount(t, "connections that opened", &c.hub.opened, readers)
			message := wsgate.Binary(make([]byte, size))
			used, begun := processorTime(), time.Now()
			for range rounds {
				c.room.Send(message)
				for conn := range c.room.Conns() { // as fast as they read, and no faster
					if err := conn.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			total := int64(0)
			for range readers {
				total += <-read
			}
			took := time.Since(begun)
			t.Logf("%.1f GB to %d readers in %v: %.2f s of processor time for each GB, with the clients'", float64(total)/1e9, readers,
				took.Round(time.Millisecond), (processorTime()-used).Seconds()/(float64(total)/1e9))
			if total != readers*rounds*size {
				t.Errorf("%d bytes were read, want %d", total, readers*rounds*size)
			}
		})
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
