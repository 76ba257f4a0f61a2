//go:build linux

package load

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Throughput keeps the traffic's windows full for the measured time.
func Throughput(t Target, traffic Traffic, times Times) (Figures, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e, err := newEngine(t, traffic)
	if err != nil {
		return Figures{}, err
	}
	defer e.close()
	if err := e.start(); err != nil {
		return Figures{}, err
	}
	if err := e.pump(time.Now().Add(times.WarmUp)); err != nil {
		return Figures{}, err
	}
	before, err := e.reading(t)
	if err != nil {
		return Figures{}, err
	}
	if err := e.pump(before.at.Add(times.Measure)); err != nil {
		return Figures{}, err
	}
	after, err := e.reading(t)
	if err != nil {
		return Figures{}, err
	}
	if err := e.drain(); err != nil {
		return Figures{}, err
	}
	f := after.since(before)
	f.Checked = e.delivered
	return f, nil
}

// reading is the state of all counters at one moment.
type reading struct {
	at             time.Time
	units, reads   uint64
	server, client time.Duration // processor time used
}

func (e *engine) reading(t Target) (reading, error) {
	r := reading{at: time.Now(), units: e.delivered, reads: e.loop.reads}
	var err error
	if r.server, err = t.Server.CPU(); err != nil {
		return r, err
	}
	r.client, err = clientCPU(unix.RUSAGE_THREAD)
	return r, err
}

// since turns two readings into figures.
func (r reading) since(before reading) Figures {
	wall := r.at.Sub(before.at)
	f := Figures{Units: r.units - before.units, CPU: r.server - before.server}
	f.Rate = float64(f.Units) / wall.Seconds()
	f.Client = (r.client - before.client).Seconds() / wall.Seconds()
	if f.Units > 0 {
		f.PerUnit = float64(f.CPU.Nanoseconds()) / 1e3 / float64(f.Units)
	}
	if reads := r.reads - before.reads; reads > 0 {
		f.PerRead = float64(f.Units) / float64(reads)
	}
	return f
}

// clientCPU is the processor time that the load generator has used: the calling
// thread or all of them.
func clientCPU(who int) (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return 0, os.NewSyscallError("getrusage", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
