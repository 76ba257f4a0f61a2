package abuse

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// Row 54: a client that sends as fast as it can, whatever it sends, has as much handled as it may, gets no more answers
// than the same again, and is disconnected when it has done nothing else for 10 s.
func stormOfMessages(t *testing.T) {
	const rate, burst = 10, 50 // less than large events come at, however busy the machine is
	const lasts = 10 * time.Second
	var handled atomic.Int64
	s := start(t, setup{
		most:   256 << 20, // what comes behind the close frames, 64 MiB for each, is read and thrown away
		limits: wsgate.Limits{Rate: rate, Burst: burst, Malformed: 1 << 20},
		hooks:  hooks{open: room},
		events: wsgate.Events[guest]{wsgate.On("say", func(_ context.Context, c *conn, what string) error {
			handled.Add(1)
			return wsgate.Event[string]("said").Emit(c.Room("busy").Except(c), what)
		})},
	})
	long := strings.Repeat("x", 60_000)
	messages := [...]struct{ name, message string }{
		{"events with an id", `{"type":"say","id":1,"data":"x"}`},
		{"events without an id", `{"type":"say","data":"x"}`},
		{"large events", `{"type":"say","data":"` + long + `"}`},
		{"unknown events", `{"type":"what","id":1}`},
		{"large unknown events", `{"type":"what","id":1,"data":"` + long + `"}`},
		{"no JSON", `{`},
	}
	t.Run("all", func(t *testing.T) {
		var storms [len(messages)]*client
		var ends [len(messages)]end
		var reading sync.WaitGroup
		begun := time.Now()
		for i, tc := range messages {
			frame := masked(text, []byte(tc.message))
			storms[i] = s.connect(t)
			defer storms[i].flood(bytes.Repeat(frame, 1+2000/len(frame)), 1<<30)()
			reading.Go(func() { ends[i] = storms[i].last(lasts + late) })
		}
		reading.Wait()
		took := time.Since(begun)
		for i, tc := range messages {
			t.Run(tc.name, func(t *testing.T) {
				e := ends[i]
				if e.open || e.code != 1008 || e.took < lasts-time.Second {
					t.Errorf("after %v open is %v, close code %d %q; want 1008 after %v", e.took, e.open, e.code, e.reason, lasts)
				}
				storms[i].closedWith(wsgate.ErrLimit)
				answers := 0
				for _, f := range e.frames {
					if bytes.Contains(f.Payload, []byte(`"code":`)) || bytes.Contains(f.Payload, []byte(`"id":`)) {
						answers++
					}
				}
				if most := 2*burst + int(rate*took.Seconds()); answers > most {
					t.Errorf("got %d answers, want at most %d", answers, most)
				}
			})
		}
	})
	least := int64(2*burst + burst/4)   // a large one counts for four
	most := int64(3 * (burst + 5*rate)) // more than a burst if it took time to arrive
	if got := handled.Load(); got < least || got > most {
		t.Errorf("%d were handled, want %d to %d", got, least, most)
	}
}
