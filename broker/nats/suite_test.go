package nats_test

import (
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/brokertest"
)

func TestBroker(t *testing.T) {
	e := newEngine(t, nil)
	brokertest.Run(t, brokertest.Config{
		New:   func(t testing.TB) wsgate.Broker { return connect(t, e.url()) },
		Stop:  func(testing.TB) { e.stop() },
		Start: e.start,
	})
}
