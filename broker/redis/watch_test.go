package redis_test

import (
	"slices"
	"testing"

	"github.com/wsgate/wsgate/broker/redis"
)

// TestBriefTrouble has a watcher hear late of a trouble that is over.
func TestBriefTrouble(t *testing.T) {
	server := startServer(t)
	b := connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	r := subscribe(t, b, "topic")
	told := newRecord[bool]("the watcher")
	busy, free := make(chan struct{}), make(chan struct{})
	calls := 0
	t.Cleanup(b.Watch(func(err error) {
		told.add(err == nil)
		if calls++; err == nil && calls > 1 {
			select {
			case <-busy:
			default:
				close(busy)
				<-free
			}
		}
	}))
	server.do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	<-busy // with the end of the first trouble
	server.do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	eventually(t, "a message to arrive behind the second trouble", func() bool {
		_ = b.Publish("topic", []byte("m")) // fails until there is a connection
		return len(r.now()) > 0
	})
	close(free)
	told.wait(t, "each trouble and its end", func(told []bool) bool {
		return slices.Equal(slices.Compact(slices.Clone(told)), []bool{true, false, true, false, true})
	})
}
