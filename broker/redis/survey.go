package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// survey queries which server of a Redis Cluster has which slot.
type survey struct {
	broker *Broker
	wake   chan struct{} // capacity 1: a query was requested

	mu     sync.Mutex    // guards following
	looked chan struct{} // closed and replaced after every query
}

var errUnserved = errors.New("wsgate/redis: the cluster has slots that no server has")

func newSurvey(b *Broker) *survey {
	return &survey{broker: b, wake: make(chan struct{}, 1), looked: make(chan struct{})}
}

// look requests a query. It does not block, and does nothing without a cluster.
func (s *survey) look() {
	if s == nil {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// wait requests a query and waits for it. It reports false if ctx is done first.
func (s *survey) wait(ctx context.Context) bool {
	s.mu.Lock()
	looked := s.looked
	s.mu.Unlock()
	s.look()
	select {
	case <-looked:
		return true
	case <-ctx.Done():
		return false
	case <-s.broker.ctx.Done():
		return false
	}
}

// run queries periodically and on request, until the Broker is closed.
func (s *survey) run() {
	b := s.broker
	tries := backoff{min: b.pauseMin, max: b.pauseMax}
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-s.wake:
		case <-again.C:
		}
		shards, err := s.ask()
		b.arrange(shards, err)
		s.tell()
		if count(shards) == slotCount {
			tries.reset()
			again.Reset(b.look/2 + rand.N(b.look/2))
		} else {
			again.Reset(tries.next())
		}
		if !pause(b.ctx, b.pauseMin) {
			return
		}
	}
}

// tell wakes those who wait for a query.
func (s *survey) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.looked)
	s.looked = make(chan struct{})
}

// shard is a range of slots with its server.
type shard struct {
	first, last int
	addr        string
}

// ask queries one server after another until one knows all slots, first those that are in use. If none does, it returns
// the most complete layout.
func (s *survey) ask() (best []shard, err error) {
	b := s.broker
	b.mu.RLock()
	links, addrs := b.links(), slices.Clone(b.hosts)
	for _, n := range b.nodes {
		addrs = append(addrs, n.addrs...)
	}
	b.mu.RUnlock()
	rand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	var questions []func() ([]shard, error)
	for _, l := range links {
		questions = append(questions, func() ([]shard, error) { return l.server.shards(b.ctx, b.config) })
	}
	for _, addr := range addrs {
		questions = append(questions, func() ([]shard, error) { return s.askAt(addr) })
	}
	var errs []error
	for _, ask := range questions {
		shards, err := ask()
		if count(shards) > count(best) {
			best = shards
		}
		if count(best) == slotCount {
			return best, nil
		}
		errs = append(errs, err)
	}
	if len(best) > 0 {
		return best, nil
	}
	return nil, cmp.Or(errors.Join(errs...), errUnserved)
}

func (s *survey) askAt(addr string) ([]shard, error) {
	server, err := s.broker.dial(s.broker.ctx, addr)
	if err != nil {
		return nil, err
	}
	defer server.close()
	return server.shards(s.broker.ctx, s.broker.config)
}

// count returns the number of slots in the shards.
func count(shards []shard) int {
	n := 0
	for _, shard := range shards {
		n += shard.last - shard.first + 1
	}
	return n
}

// shards queries the layout from the server.
func (s *server) shards(ctx context.Context, c *config) ([]shard, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	rows, err := s.client.Do(ctx, s.client.B().ClusterSlots().Build()).ToArray()
	shards := make([]shard, len(rows))
	for i := 0; i < len(rows) && err == nil; i++ {
		shards[i], err = s.shard(rows[i])
	}
	if err != nil {
		return nil, s.explain(fmt.Errorf("CLUSTER SLOTS: %w", err))
	}
	return shards, nil
}

// shard parses first slot, last slot, and the server's host and port.
func (s *server) shard(row rueidis.RedisMessage) (shard, error) {
	columns, err := row.ToArray()
	if err != nil {
		return shard{}, err
	}
	if len(columns) < 3 {
		return shard{}, fmt.Errorf("have %d columns, want 3 or more", len(columns))
	}
	where, err := columns[2].ToArray()
	if err != nil {
		return shard{}, err
	}
	if len(where) < 2 {
		return shard{}, fmt.Errorf("have %d words for a server, want 2 or more", len(where))
	}
	first, err1 := columns[0].AsInt64()
	last, err2 := columns[1].AsInt64()
	port, err3 := where[1].AsInt64()
	if first < 0 || last >= slotCount {
		return shard{}, fmt.Errorf("have slots %d to %d, want 0 to %d", first, last, slotCount-1)
	}
	host, _ := where[0].ToString()
	if host == "" { // empty for the server that was queried
		host, _, _ = net.SplitHostPort(s.addr)
	}
	addr := net.JoinHostPort(host, strconv.FormatInt(port, 10))
	return shard{int(first), int(last), addr}, errors.Join(err1, err2, err3)
}
