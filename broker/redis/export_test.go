package redis

import (
	"time"

	"github.com/wsgate/wsgate/internal/fair"
)

// Tuning is what tests change of a Broker. What is zero stays as it is.
type Tuning struct {
	Ping, Patience, PauseMax, Look, Report time.Duration
	Waiting                                int // small messages in a queue
}

// NewTuned is New for tests.
func NewTuned(url string, opts *Options, change Tuning) (*Broker, error) {
	t := defaults
	for setting, d := range map[*time.Duration]time.Duration{
		&t.ping: change.Ping, &t.patience: change.Patience, &t.pauseMax: change.PauseMax,
		&t.look: change.Look, &t.report: change.Report,
	} {
		if d > 0 {
			*setting = d
		}
	}
	if change.Waiting > 0 {
		t.waiting = change.Waiting * smallMessage
	}
	return newBroker(url, opts, t)
}

// smallMessage is what one counts for in a queue at most, with its topic.
const smallMessage = fair.Overhead + 16

// Backoff is how long to wait between attempts.
type Backoff struct{ backoff }

func NewBackoff(min, max time.Duration) *Backoff { return &Backoff{backoff{min: min, max: max}} }

func (b *Backoff) Next() time.Duration { return b.next() }
func (b *Backoff) Reset()              { b.reset() }

// Seal returns a field of a table as Update writes it.
func Seal(value string, until time.Time) string { return seal([]byte(value), until) }

// SlotOf returns the slot of a key in a Redis Cluster.
func SlotOf(key string) int { return (&config{cluster: true}).slotOf(key) }
