package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

func TestSlots(t *testing.T) {
	server := startServer(t, "--cluster-enabled", "yes")
	for _, key := range []string{"", "a", "123456789", "wsgate:a.b-c_d=", strings.Repeat("wsgate:", 300)} {
		if got, want := strconv.Itoa(redis.SlotOf(key)), server.do(t, "CLUSTER", "KEYSLOT", key); got != want {
			t.Errorf("%.20q: got slot %s, want %s as the server says", key, got, want)
		}
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 3)
	t.Run("spreads", func(t *testing.T) { testSpreads(t, servers) })
	t.Run("slot moves", func(t *testing.T) { testSlotMoves(t, servers) })
	t.Run("server away", func(t *testing.T) { testServerAway(t, servers) })
	t.Run("one knows little", func(t *testing.T) { testKnowsLittle(t, servers) })
	t.Run("failover", func(t *testing.T) { testClusterFailover(t, servers) })
}

// pair returns two brokers of a cluster.
func (c cluster) pair(t testing.TB, change redis.Tuning) (here, there *redis.Broker, states []states) {
	t.Helper()
	change.Look = time.Hour // not before it has to
	here = connect(t, c.url(), &redis.Options{Cluster: true, Logger: slog.New(slog.DiscardHandler)}, change)
	there = connect(t, c.url(), &redis.Options{Cluster: true, Logger: slog.New(slog.DiscardHandler)}, change)
	states = append(states, watch(t, here), watch(t, there))
	for _, s := range states {
		s.up(t)
	}
	return here, there, states
}

// topic returns one of those that the server has.
func (c cluster) topic(p *process) string { return c.topics(p, 1)[0] }

func (c cluster) topics(p *process, n int) []string {
	var topics []string
	for i := 0; len(topics) < n; i++ {
		if topic := fmt.Sprint("topic.", i); c.owner("wsgate:"+topic) == p {
			topics = append(topics, topic)
		}
	}
	return topics
}

// testSpreads looks at where channels and tables are.
func testSpreads(t *testing.T, servers cluster) {
	here, there, _ := servers.pair(t, redis.Tuning{})
	for _, p := range servers {
		topic := servers.topic(p)
		r := subscribe(t, here, topic)
		publish(t, there, topic, "m")
		expect(t, r, "m")
		if err := here.Update(context.Background(), topic, map[string][]byte{"row": {}}); err != nil {
			t.Error(err)
		}
		if n, keys := p.do(t, "PUBSUB", "SHARDCHANNELS"), p.do(t, "DBSIZE"); n != "1" || keys != "1" {
			t.Errorf("got %s channels and %s keys on the server, want one of each", n, keys)
		}
		if err := here.Update(context.Background(), topic, map[string][]byte{"row": nil}); err != nil {
			t.Error(err)
		}
	}
}

// testSlotMoves gives a slot from one server to another, and back. Those who use the slot find out each in their way.
func testSlotMoves(t *testing.T, servers cluster) {
	finders := []struct {
		name string
		find func(t *testing.T, b *redis.Broker, topic string)
	}{
		{"Publish", func(t *testing.T, b *redis.Broker, topic string) {
			publish(t, b, topic, "lost")
			eventually(t, "the message to be refused", func() bool { return b.Dropped() == 1 })
		}},
		{"Subscribe", func(t *testing.T, b *redis.Broker, topic string) {
			state := watch(t, b)
			subscribe(t, b, topic)
			state.down(t, "MOVED")
			state.up(t)
		}},
		{"Update", func(t *testing.T, b *redis.Broker, topic string) {
			for _, value := range [][]byte{{1}, nil} {
				if err := b.Update(context.Background(), topic, map[string][]byte{"row": value}); err != nil {
					t.Error(err)
				}
			}
		}},
		{"Rows", func(t *testing.T, b *redis.Broker, topic string) {
			if _, err := b.Rows(context.Background(), topic); err != nil {
				t.Error(err)
			}
		}},
	}
	from, to := servers[0], servers[2]
	topic := servers.topic(from)
	for _, finder := range finders {
		t.Run(finder.name, func(t *testing.T) {
			here, there, states := servers.pair(t, redis.Tuning{})
			r := subscribe(t, here, topic)
			move(t, servers, topic, from, to, func() {
				publish(t, there, topic, "on the way")
				expect(t, r, "on the way")
			})
			states[0].down(t, "")
			states[0].up(t)
			finder.find(t, there, topic)
			eventually(t, "a message to arrive over the new server", func() bool {
				publish(t, there, topic, "moved") // is lost as long as the publisher knows the old server only
				return slices.Contains(r.now(), "moved")
			})
			if n := to.do(t, "PUBSUB", "SHARDCHANNELS"); n != "1" {
				t.Errorf("got %s channels on the new server, want one", n)
			}
		})
		from, to = to, from
	}
}

// move gives the slot of a topic to another server, and calls meanwhile on the way.
func move(t *testing.T, servers cluster, topic string, from, to *process, meanwhile func()) {
	t.Helper()
	slot := strconv.Itoa(redis.SlotOf("wsgate:" + topic))
	to.do(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id(t))
	from.do(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id(t))
	meanwhile()
	for _, p := range servers {
		p.do(t, "CLUSTER", "SETSLOT", slot, "NODE", to.id(t))
	}
}

// testServerAway ends one of the servers, and has it come back.
func testServerAway(t *testing.T, servers cluster) {
	here, there, states := servers.pair(t, hasty)
	gone := servers[1]
	topics := servers.topics(gone, 2)
	r, untouched := subscribe(t, here, topics[0]), subscribe(t, here, servers.topic(servers[2]))
	gone.kill(t)
	for _, s := range states {
		s.down(t, gone.addr)
	}
	if err := there.Publish(topics[0], nil); err == nil || !strings.Contains(err.Error(), gone.addr) {
		t.Errorf("Publish: got %v, want an error with %s", err, gone.addr)
	}
	publish(t, there, servers.topic(servers[2]), "still")
	expect(t, untouched, "still")
	late := subscribe(t, here, topics[1])
	gone.restart(t)
	for _, s := range states {
		s.up(t)
	}
	publish(t, there, topics[0], "again")
	expect(t, r, "again")
	publish(t, there, topics[1], "too")
	expect(t, late, "too")
}

// testKnowsLittle begins with a server that knows itself only, as one does that has been taken out of the cluster.
func testKnowsLittle(t *testing.T, servers cluster) {
	alone := startMember(t)
	alone.do(t, "CLUSTER", "ADDSLOTSRANGE", "0", "100")
	b := connect(t, "redis://"+alone.addr+","+servers[0].addr, &redis.Options{Cluster: true}, redis.Tuning{})
	watch(t, b).up(t)
	for _, p := range servers {
		topic := servers.topic(p)
		r := subscribe(t, b, topic)
		publish(t, b, topic, "m")
		expect(t, r, "m")
	}
}

// testClusterFailover ends a server that has a replica.
func testClusterFailover(t *testing.T, servers cluster) {
	gone := servers[0]
	replica := servers.addReplica(t, gone)
	here, there, states := servers.pair(t, hasty)
	r := subscribe(t, here, servers.topic(gone))
	gone.kill(t)
	for _, s := range states {
		s.down(t, "")
	}
	for _, s := range states {
		s.up(t)
	}
	publish(t, there, servers.topic(gone), "again")
	expect(t, r, "again")
	if n := replica.do(t, "PUBSUB", "SHARDCHANNELS"); n != "1" {
		t.Errorf("got %s channels on what was the replica, want one", n)
	}
	if err := here.Update(context.Background(), servers.topic(gone), map[string][]byte{"row": {}}); err != nil {
		t.Error(err)
	}
}
