package timerwheel_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/timerwheel"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

const tick = 10 * time.Millisecond

// visitor notes when it is visited, and is visited again after each of the delays.
type visitor struct {
	timerwheel.Entry
	begun  time.Time
	delays []time.Duration
	visits []time.Duration // since begun
}

func (v *visitor) Beat(func(int64) time.Duration) time.Duration {
	v.visits = append(v.visits, time.Since(v.begun))
	if len(v.delays) == 0 {
		return 0
	}
	next := v.delays[0]
	v.delays = v.delays[1:]
	return next
}

// Each entry is visited at its own times, to the tick, however far away they are, and not any more when it wants so.
func TestVisits(t *testing.T) {
	const turn = 256 * tick // all slots
	for _, test := range []struct {
		name   string
		first  time.Duration
		delays []time.Duration
		want   []time.Duration
	}{
		{"once", 3 * tick, nil, []time.Duration{3 * tick}},
		{"at the next tick at the soonest", 0, nil, []time.Duration{tick}},
		{"a part of a tick is a tick", tick + 1, nil, []time.Duration{2 * tick}},
		{"again and again", tick, []time.Duration{2 * tick, tick}, []time.Duration{tick, 3 * tick, 4 * tick}},
		{"in more than a turn of the wheel", turn + tick, []time.Duration{2 * turn}, []time.Duration{turn + tick, 3*turn + tick}},
		{"in the same slot a turn later", turn, nil, []time.Duration{turn}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := timerwheel.New(tick)
				v := &visitor{begun: time.Now(), delays: test.delays}
				w.Add(&v.Entry, v, test.first)
				<-time.After(4 * turn)
				if !slices.Equal(v.visits, test.want) {
					t.Errorf("visited after %v, want %v", v.visits, test.want)
				}
				w.Remove(&v.Entry)
			})
		})
	}
}

// The timer runs only while there is an entry. Time on the wheel stands still meanwhile.
func TestStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := timerwheel.New(tick)
		for range 2 {
			v := &visitor{begun: time.Now()}
			before := w.Now()
			w.Add(&v.Entry, v, time.Hour)
			<-time.After(10*tick + tick/2)
			w.Remove(&v.Entry)
			w.Remove(&v.Entry) // once more is no harm
			passed := w.Now() - before
			<-time.After(time.Hour)
			if got := w.Now() - before; passed != 10 || got != passed || v.visits != nil {
				t.Errorf("%d ticks passed with an entry and %d in all, visits %v, want 10 and 10 and none", passed, got, v.visits)
			}
		}
	})
}

// An entry that was moved is visited at its new time only: before, while and after it is visited, and never when it was
// removed.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := timerwheel.New(tick)
		var never timerwheel.Entry
		w.Move(&never, tick) // is on no wheel

		v := &visitor{begun: time.Now(), delays: []time.Duration{0, 20 * tick}}
		w.Add(&v.Entry, v, 100*tick)
		w.Move(&v.Entry, 3*tick) // sooner
		w.Move(&v.Entry, 5*tick) // later
		<-time.After(10*tick + tick/2)
		w.Move(&v.Entry, 2*tick) // it wanted no further visit
		<-time.After(5 * tick)
		w.Move(&v.Entry, 30*tick) // instead of in 20 from its visit
		<-time.After(100 * tick)
		if want := []time.Duration{5 * tick, 12 * tick, 45 * tick}; !slices.Equal(v.visits, want) {
			t.Errorf("visited after %v, want %v", v.visits, want)
		}
		w.Remove(&v.Entry)
		w.Move(&v.Entry, tick)

		var e timerwheel.Entry
		visits := 0
		w.Add(&e, beater(func(func(int64) time.Duration) time.Duration {
			if visits++; visits == 1 {
				w.Move(&e, 3*tick) // while it is visited, which counts more than what the visit returns
			}
			return 50 * tick
		}), tick)
		<-time.After(10 * tick)
		if visits != 2 {
			t.Errorf("visited %d times, want 2", visits)
		}
		w.Remove(&e)
		<-time.After(100 * tick)
		if visits != 2 || len(v.visits) != 3 {
			t.Errorf("visited %d and %d times after the end", visits, len(v.visits))
		}
	})
}

// What an entry is told of the past is counted in ticks.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := timerwheel.New(tick)
		since := w.Now()
		told := make(chan time.Duration, 1)
		b := beater(func(silent func(int64) time.Duration) time.Duration { told <- silent(since); return 0 })
		var e timerwheel.Entry
		w.Add(&e, b, 7*tick)
		if got := <-told; got != 7*tick {
			t.Errorf("got %v, want %v", got, 7*tick)
		}
		w.Remove(&e)
	})
}

type beater func(silent func(int64) time.Duration) time.Duration

func (b beater) Beat(silent func(int64) time.Duration) time.Duration { return b(silent) }

// Entries come and go from many goroutines while others are visited. One that was removed is visited no more, but for a
// visit that has begun.
func TestComingAndGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := timerwheel.New(tick)
		stays := &visitor{begun: time.Now()}
		w.Add(&stays.Entry, stays, time.Hour) // so that the wheel's ticks are known
		<-time.After(tick / 2)                // between two of them, so that no visit has begun
		var working sync.WaitGroup
		for i := range 50 {
			working.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(i)))
				for range 20 {
					var e timerwheel.Entry
					var mu sync.Mutex // guards following
					removed := false
					w.Add(&e, beater(func(func(int64) time.Duration) time.Duration {
						mu.Lock()
						defer mu.Unlock()
						if removed {
							t.Error("visited after it was removed")
						}
						return time.Duration(random.IntN(3)) * tick
					}), 0)
					<-time.After(time.Duration(1+i%7) * tick)
					w.Remove(&e)
					mu.Lock()
					removed = true
					mu.Unlock()
				}
			})
		}
		working.Wait()
		w.Remove(&stays.Entry)
	})
}
