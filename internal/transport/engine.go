package transport

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgate/wsgate/internal/timerwheel"
)

// Engine is shared by all connections of an App. It holds the flushers, the heartbeat wheel, the slow-handler watch and
// the backlog.
//
// A flusher is a goroutine that exists only while connections wait for a flush. It takes one connection after another
// and writes its queue; a connection that gets more frames meanwhile goes to the end of the line. So batches grow with
// the length of the line.
type Engine struct {
	made    time.Time
	wheel   *timerwheel.Wheel
	awake   awake
	lot     lot
	late    slowHandlerWatch
	backlog backlog

	mu         sync.Mutex // guards following
	line       []*Conn    // waiting for a flush, from head
	head       int
	tooMuch    bool // the backlog is high, and a flusher has to shed it
	running    int
	maxRunning int
	left       atomic.Bool // line may contain connections for which no flusher was started
	stopped    bool
	ended      chan struct{} // closed by the last flusher; nil until Stop waits
}

// NewEngine returns an Engine whose heartbeat wheel has the given tick and whose backlog has the given limit in bytes.
func NewEngine(tick time.Duration, backlogLimit int) *Engine {
	return &Engine{
		made: time.Now(), wheel: timerwheel.New(tick), maxRunning: (runtime.GOMAXPROCS(0) + 1) / 2, backlog: backlog{limit: int64(backlogLimit)},
	}
}

// Stop prevents new flushers and waits for those that run. It is called when all connections have ended: a concurrent
// broadcast may still schedule some, but they have nothing to write.
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
	e.lot.stop()
}

// schedule puts c in line for a flush.
func (e *Engine) schedule(c *Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.line = append(e.line, c)
	e.start()
}

// checkBacklog makes a flusher disconnect the slowest clients if the backlog is high.
func (e *Engine) checkBacklog() {
	if !e.backlog.high() || !e.backlog.shedding.CompareAndSwap(false, true) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tooMuch = true
	e.start()
}

// kick starts flushers for connections left in line without one.
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

// start starts as many flushers as the length of the line justifies. The caller holds the lock.
func (e *Engine) start() {
	if e.stopped {
		e.line, e.head = nil, 0
		return
	}
	waiting := len(e.line) - e.head
	if e.tooMuch {
		waiting++
	}
	for waiting > 0 && e.running < min(e.maxRunning, 1+waiting/perFlusher) {
		e.running++
		go e.run() // Stop waits for it
	}
}

// compact keeps a line that never becomes empty from growing without bound. The caller holds the lock.
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
