package transport

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgate/wsgate/internal/timerwheel"
)

// Engine is what all connections of an App share: the flushers, the heartbeat wheel, the slow-handler watch and the bound of all
// queues together.
//
// A flusher is a goroutine that exists only while connections wait for a flush. It takes one connection after the
// other and writes all that waits for it; a connection that gets more meanwhile queues up again at the end. So the
// longer the line, the larger the batches.
type Engine struct {
	wheel   *timerwheel.Wheel
	late    slowHandlerWatch
	backlog backlog

	mu      sync.Mutex // guards following
	line    []*Conn    // waiting for a flush, from head
	head    int
	tooMuch bool // the backlog is high, and a flusher has to see to it
	running int
	most    int
	left    atomic.Bool // line may hold connections for which no flusher was started
	stopped bool
	ended   chan struct{} // closed by the last flusher; nil until Stop waits for it
}

// NewEngine returns an Engine whose heartbeat has the given resolution, and whose connections' queues may hold so many
// bytes together.
func NewEngine(tick time.Duration, backlogLimit int) *Engine {
	return &Engine{
		wheel: timerwheel.New(tick), most: (runtime.GOMAXPROCS(0) + 1) / 2, backlog: backlog{limit: int64(backlogLimit)},
	}
}

// Stop returns when no flusher runs any more; none starts again. It is for an Engine whose connections have all ended:
// those that a broadcast from outside still wakes have nothing to be written.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.stopped = true
	if e.running > 0 && e.ended == nil {
		e.ended = make(chan struct{})
	}
	ended := e.ended
	e.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// schedule has c flushed.
func (e *Engine) schedule(c *Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.line = append(e.line, c)
	e.start()
}

// checkBacklog has a flusher disconnect the slowest clients if the backlog is high.
func (e *Engine) checkBacklog() {
	if !e.backlog.high() || !e.backlog.shedding.CompareAndSwap(false, true) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tooMuch = true
	e.start()
}

// kick starts flushers for what was left in line without one.
func (e *Engine) kick() {
	if !e.left.Load() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left.Store(false)
	e.start()
}

// perFlusher is how many waiting connections justify one more flusher.
const perFlusher = 128

// start starts the flushers that the line deserves. The caller holds the lock.
func (e *Engine) start() {
	if e.stopped {
		e.line, e.head = nil, 0
		return
	}
	waiting := len(e.line) - e.head
	if e.tooMuch {
		waiting++
	}
	for waiting > 0 && e.running < min(e.most, 1+waiting/perFlusher) {
		e.running++
		go e.run() // Stop waits for it
	}
}

// compact keeps a line that never gets empty from growing at its end for ever. The caller holds the lock.
func (e *Engine) compact() {
	if e.head > len(e.line)/2 {
		left := copy(e.line, e.line[e.head:])
		clear(e.line[left:])
		e.line, e.head = e.line[:left], 0
	}
}

// grab is how many connections a flusher takes at a time.
const grab = 16

func (e *Engine) run() {
	var mine [grab]*Conn
	n := 0
	for {
		e.mu.Lock()
		e.compact()
		e.line = append(e.line, mine[:n]...)
		n = copy(mine[:], e.line[e.head:])
		clear(e.line[e.head : e.head+n])
		e.head += n
		shed := e.tooMuch
		e.tooMuch = false
		if n == 0 && !shed {
			if e.running--; e.running == 0 && e.ended != nil {
				close(e.ended)
			}
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		if shed {
			e.shed()
		}
		again := 0
		for _, c := range mine[:n] {
			if c.flush() {
				mine[again] = c
				again++
			}
		}
		n = again
	}
}
