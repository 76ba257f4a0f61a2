package redis_test

import (
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/brokertest"
	"github.com/wsgate/wsgate/broker/redis"
)

func TestSuite(t *testing.T) {
	server := startServer(t)
	brokertest.Run(t, brokertest.Config{
		New:  func(t testing.TB) wsgate.Broker { return connect(t, server.url(), nil, redis.Tuning{}) },
		Stop: server.stop, Start: server.restart,
	})
}

func TestSuiteCluster(t *testing.T) {
	servers := startCluster(t, 3)
	opts := &redis.Options{Cluster: true}
	onlyIfNeeded := redis.Tuning{Look: time.Hour}
	brokertest.Run(t, brokertest.Config{
		New:  func(t testing.TB) wsgate.Broker { return connect(t, servers.url(), opts, onlyIfNeeded) },
		Stop: servers.stop, Start: servers.restart,
	})
}
