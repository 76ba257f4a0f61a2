package presence_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/presence"
)

var (
	errAway   = errors.New("the engine is away")
	errBroken = errors.New("the table is broken")
)

// engine is what lies between nodes: a store that takes its time, and links that lose messages now and then.
type engine struct {
	mu     sync.Mutex // guards following
	random *rand.Rand
	lossy  bool
	broken map[string]bool // tables that fail
	hangs  bool            // those tables do not answer, rather than fail at once
	tables map[string]map[string][]byte
	nodes  map[string]*node // that were not stopped
}

func newEngine(seed uint64) *engine {
	return &engine{random: rand.New(rand.NewPCG(seed, 1)), broken: map[string]bool{}, tables: map[string]map[string][]byte{}, nodes: map[string]*node{}}
}

func (e *engine) upTo(d time.Duration) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Duration(e.random.Int64N(int64(d)))
}

func (e *engine) rows(table string) map[string][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.tables[table])
}

// heal ends what goes wrong by itself.
func (e *engine) heal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lossy = false
	clear(e.broken)
}

// breakTable has a table fail, or not.
func (e *engine) breakTable(table string, broken bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.broken[table] = broken
}

func (e *engine) isBroken(table string) (broken, hangs bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.broken[table], e.hangs
}

// loses reports whether a message does not arrive.
func (e *engine) loses() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lossy && e.random.IntN(10) == 0
}

// others returns the nodes but one.
func (e *engine) others(id string) map[string]*node {
	e.mu.Lock()
	defer e.mu.Unlock()
	others := maps.Clone(e.nodes)
	delete(others, id)
	return others
}

// node is a tracker, and the engine as that one sees it.
type node struct {
	*presence.Tracker[int]
	id     string
	engine *engine
	crowd  crowd

	mu   sync.Mutex // guards following
	cut  bool       // nothing goes in or out
	away error      // and it is noticed
	dead map[string]bool
	mail map[string]chan delivery // by sender

	reading sync.WaitGroup
}

type delivery struct {
	room string
	body []byte
	at   time.Time
}

// What members are told of by name.
const (
	most      = 4   // users
	mostBytes = 150 // of JSON
)

func (e *engine) start(id string) *node {
	n := &node{id: id, engine: e, dead: map[string]bool{}, mail: map[string]chan delivery{}}
	n.Tracker = presence.New(presence.Config[int]{
		Node: n, Store: n, Grace: 5 * time.Second, MaxUsers: most, MaxBytes: mostBytes,
		Table:   func(room string) string { return room },
		Publish: n.publish,
		Tell:    n.crowd.tell,
		Failed:  func(string, string, error) {},
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nodes[id] = n
	return n
}

// stop ends what the node itself is not asked to end: its links.
func (n *node) stop() {
	n.mu.Lock()
	for _, mail := range n.mail {
		close(mail)
	}
	n.mail = nil
	n.mu.Unlock()
	n.reading.Wait()
}

func (n *node) ID() string       { return n.id }
func (n *node) Silent() []string { return nil }

func (n *node) Alive(other string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.dead[other]
}

func (n *node) Away() error {
	_, away := n.link()
	return away
}

func (n *node) link() (cut bool, away error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut, n.away
}

func (n *node) setLink(cut bool, away error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut, n.away = cut, away
}

func (n *node) setDead(other string, dead bool) (was bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was = n.dead[other]
	n.dead[other] = dead
	return was
}

// publish sends to all others, to each after a time of its own and in order.
func (n *node) publish(room string, body []byte) error {
	cut, away := n.link()
	if cut || away != nil {
		return away
	}
	for _, to := range n.engine.others(n.id) {
		if !n.engine.loses() {
			to.post(n.id, delivery{room, append([]byte(nil), body...), time.Now().Add(n.engine.upTo(300 * time.Millisecond))})
		}
	}
	return nil
}

func (n *node) post(from string, d delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mail == nil {
		return // stopped
	}
	mail := n.mail[from]
	if mail == nil {
		mail = make(chan delivery, 10_000)
		n.mail[from] = mail
		n.reading.Go(func() { n.read(from, mail) })
	}
	mail <- d
}

func (n *node) read(from string, mail <-chan delivery) {
	for d := range mail {
		<-time.After(time.Until(d.at))
		if cut, _ := n.link(); !cut && !n.Receive(d.room, from, d.body) {
			n.crowd.complain("a delta of %s was refused", from)
		}
	}
}

// Update and Rows take a while, as long as they may while nothing gets through.
func (n *node) Update(ctx context.Context, table string, rows map[string][]byte) error {
	if err := n.reach(ctx, table); err != nil {
		return err
	}
	e := n.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tables[table] == nil {
		e.tables[table] = map[string][]byte{}
	}
	for row, value := range rows {
		if e.tables[table][row] = append([]byte(nil), value...); value == nil {
			delete(e.tables[table], row)
		}
	}
	return nil
}

func (n *node) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	if err := n.reach(ctx, table); err != nil {
		return nil, err
	}
	rows := n.engine.rows(table)
	return rows, n.reach(ctx, table) // the answer has a way to go, too
}

func (n *node) reach(ctx context.Context, table string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(n.engine.upTo(100 * time.Millisecond)):
	}
	cut, away := n.link()
	if away != nil {
		return away
	}
	broken, hangs := n.engine.isBroken(table)
	if broken && !hangs {
		return errBroken
	}
	if cut || broken {
		<-ctx.Done()
	}
	return ctx.Err()
}
