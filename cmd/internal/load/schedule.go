package load

import "time"

// schedule determines when a client's messages are due: periodically, from an offset that differs between clients, so
// that they do not all send at once.
type schedule struct {
	begin  time.Time
	offset time.Duration
	rate   float64       // in a second
	end    time.Duration // of sending
}

// after returns how long after the beginning message n is due.
func (s *schedule) after(n uint64) time.Duration {
	return s.offset + time.Duration(float64(n)/s.rate*float64(time.Second))
}

func (s *schedule) at(n uint64) time.Time { return s.begin.Add(s.after(n)) }

// has reports whether message n is due before the end.
func (s *schedule) has(n uint64) bool { return s.after(n) < s.end }

// due returns how many messages are due before that much time has passed.
func (s *schedule) due(elapsed time.Duration) int64 {
	elapsed = min(elapsed, s.end)
	if elapsed <= s.offset {
		return 0
	}
	n := uint64((elapsed - s.offset).Seconds() * s.rate)
	for n > 0 && s.after(n-1) >= elapsed { // floating point may be off by one
		n--
	}
	for s.after(n) < elapsed {
		n++
	}
	return int64(n)
}
