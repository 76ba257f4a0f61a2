package redis_test

import (
	"net"
	"testing"
)

// TestFailover makes the replica the primary, and the primary its replica.
func TestFailover(t *testing.T) {
	primary := startServer(t)
	host, port, _ := net.SplitHostPort(primary.addr)
	replica := startServer(t, "--replicaof", host+" "+port)
	url := "redis://" + replica.addr + "," + primary.addr
	here, there := connect(t, url, nil, hasty), connect(t, url, nil, hasty)
	states := []states{watch(t, here), watch(t, there)}
	for _, s := range states {
		s.up(t)
	}
	r := subscribe(t, here, "topic")
	publish(t, there, "topic", "before")
	expect(t, r, "before")
	replica.do(t, "REPLICAOF", "NO", "ONE")
	host, port, _ = net.SplitHostPort(replica.addr)
	primary.do(t, "REPLICAOF", host, port)
	for _, s := range states {
		s.down(t, "is a replica")
		s.up(t)
	}
	if n := primary.do(t, "PUBSUB", "CHANNELS"); n != "0" {
		t.Errorf("got %s channels on what is a replica now, want none", n)
	}
	publish(t, there, "topic", "after")
	expect(t, r, "after")
}
