package local_test

import (
	"errors"
	"os"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/brokertest"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// The broker in memory is one like any other.
func TestBroker(t *testing.T) {
	b := new(local.Broker)
	brokertest.Run(t, brokertest.Config{
		New:   func(testing.TB) wsgate.Broker { return b },
		Stop:  func(testing.TB) { b.SetAway(errors.New("stopped")) },
		Start: func(testing.TB) { b.SetAway(nil) },
	})
}
