package transport

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/heartbeat"
)

// Engine is what all connections of an App share: the flushers, the heartbeat wheel and the late watch.
//
// A flusher is a goroutine that exists only while connections wait for a flush. It takes one connection after the
// other and writes all that waits for it; a connection that gets more meanwhile queues up again at the end. So the
// longer the line, the larger the batches.
type Engine struct {
	wheel *heartbeat.Wheel
	late  lateWatch

	mu      sync.Mutex // guards following
	line    []*Conn    // waiting for a flush, from head
	head    int
	running int
	most    int
	left    atomic.Bool // line may hold connections for which no flusher was started
	stopped bool
	ended   chan struct{} // closed by the last flusher; nil until Stop waits for it
}

// NewEngine returns an Engine whose heartbeat has the given resolution.
func NewEngine(tick time.Duration) *Engine {
	return &Engine{wheel: heartbeat.New(tick), most: (runtime.GOMAXPROCS(0) + 1) / 2}
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
		if n == 0 {
			if e.running--; e.running == 0 && e.ended != nil {
				close(e.ended)
			}
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
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

// Broadcast hands one message to many connections.
type Broadcast struct {
	engine  *Engine
	message *frame.Message
	from    *Conn
	woken   []*Conn
	err     error
}

var broadcastPool = sync.Pool{New: func() any { return new(Broadcast) }}

// Broadcast begins to hand m to many connections. If from is not nil, its handler is the sender, and the flush may
// wait for the end of from's turn, so that broadcasts of messages that arrived together share their writes.
func (e *Engine) Broadcast(m *frame.Message, from *Conn) *Broadcast {
	b := broadcastPool.Get().(*Broadcast)
	b.engine, b.message, b.from = e, m, from
	return b
}

// To queues the message for c. A receiver that is closing or too slow is no error of the broadcast.
func (b *Broadcast) To(c *Conn) {
	wake, err := c.push(b.message.For(c.deflate))
	if wake {
		b.woken = append(b.woken, c)
	}
	if errors.Is(err, ErrLimit) {
		b.err = err
	}
}

// End sees to the flush. It returns ErrLimit if the message was too large for a receiver's queue.
func (b *Broadcast) End() error {
	err := b.err
	if len(b.woken) > 0 {
		e := b.engine
		e.mu.Lock()
		e.line = append(e.line, b.woken...)
		if b.from == nil || !b.from.turn.holding() {
			e.start()
		} else {
			e.left.Store(true)
		}
		e.mu.Unlock()
		// The turn may have ended before the line grew: then nobody else starts a flusher.
		if b.from != nil && !b.from.turn.holding() {
			e.kick()
		}
	}
	clear(b.woken)
	b.woken, b.message, b.from, b.err = b.woken[:0], nil, nil, nil
	broadcastPool.Put(b)
	return err
}
