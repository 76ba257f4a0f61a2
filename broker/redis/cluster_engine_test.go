package redis_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

const slots = 1 << 14

// cluster is a Redis Cluster of a few primaries.
type cluster []*process

// startCluster starts a Redis Cluster that the test has for itself.
func startCluster(t testing.TB, size int) cluster {
	t.Helper()
	c := make(cluster, size)
	for i := range c {
		c[i] = startMember(t)
	}
	c.join(t)
	return c
}

// startMember starts a server that can be in a cluster.
func startMember(t testing.TB) *process {
	t.Helper()
	return startServer(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t), "--cluster-node-timeout", "2000",
		"--repl-diskless-sync-delay", "0")
}

// join makes a cluster of the servers, each of which has the same number of slots.
func (c cluster) join(t testing.TB) {
	t.Helper()
	for i, p := range c {
		p.do(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		p.do(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/len(c)), strconv.Itoa((i+1)*slots/len(c)-1))
		host, port, _ := net.SplitHostPort(p.addr)
		c[0].do(t, "CLUSTER", "MEET", host, port, p.option("--cluster-port"))
	}
	for _, p := range c {
		eventually(t, "the cluster to be there", func() bool {
			info := p.do(t, "CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(len(c)))
		})
	}
}

// option returns what the server was told on its command line.
func (p *process) option(name string) string {
	for i, arg := range p.args {
		if arg == name {
			return p.args[i+1]
		}
	}
	return ""
}

func (c cluster) stop(t testing.TB) {
	t.Helper()
	for _, p := range c {
		p.stop(t)
	}
}

func (c cluster) restart(t testing.TB) {
	t.Helper()
	for _, p := range c {
		p.restart(t)
	}
	c.join(t)
}

// url names two of the servers, so that one may be away.
func (c cluster) url() string { return "redis://" + c[0].addr + "," + c[1].addr }

// owner returns the server that has a channel or key.
func (c cluster) owner(key string) *process {
	slot := redis.SlotOf(key)
	for i, p := range c {
		if slot < (i+1)*slots/len(c) {
			return p
		}
	}
	return nil
}

// id returns the name that the cluster has for the server.
func (p *process) id(t testing.TB) string {
	t.Helper()
	return p.do(t, "CLUSTER", "MYID")
}

// eventually looks until a condition is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-late.C:
			t.Fatalf("waited for %v, want %s", patience, what)
		}
	}
}

// addReplica adds a server to the cluster that has what the primary has.
func (c cluster) addReplica(t testing.TB, primary *process) *process {
	t.Helper()
	p := startMember(t)
	host, port, _ := net.SplitHostPort(p.addr)
	primary.do(t, "CLUSTER", "MEET", host, port, p.option("--cluster-port"))
	eventually(t, "the servers to know each other", func() bool {
		return strings.Contains(p.do(t, "CLUSTER", "INFO"), "cluster_known_nodes:"+strconv.Itoa(len(c)+1))
	})
	p.do(t, "CLUSTER", "REPLICATE", primary.id(t))
	for _, other := range c {
		eventually(t, "everybody to know the replica", func() bool {
			return strings.Contains(other.do(t, "CLUSTER", "NODES"), "slave "+primary.id(t))
		})
	}
	eventually(t, "the replica to be in sync", func() bool {
		return strings.Contains(p.do(t, "INFO", "replication"), "master_link_status:up")
	})
	return p
}
