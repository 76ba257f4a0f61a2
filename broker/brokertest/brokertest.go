// Package brokertest has the tests that every [wsgate.Broker] and every [wsgate.PresenceStore] must pass.
//
// A package that implements them for a message broker runs them in one of its own tests:
//
//	func TestBroker(t *testing.T) {
//		server := startEngine(t)
//		brokertest.Run(t, brokertest.Config{
//			New: func(t testing.TB) wsgate.Broker {
//				b, err := engine.New(server.URL, nil)
//				if err != nil {
//					t.Fatal(err)
//				}
//				t.Cleanup(func() { b.Close() })
//				return b
//			},
//			Stop:  func(t testing.TB) { server.Stop() },
//			Start: func(t testing.TB) { server.Start() },
//		})
//	}
//
// The tests wait at most half a minute for a message that must arrive. To check that a message does not arrive, they
// wait for a later one that must.
package brokertest

import (
	"testing"

	"github.com/wsgate/wsgate"
)

// Config says how to reach the message broker under test.
type Config struct {
	// New returns a wsgate.Broker that is connected to the message broker, or connects in the background. Every call
	// returns another one, all for the same message broker, like the nodes of a cluster. It is closed by t.Cleanup.
	New func(t testing.TB) wsgate.Broker

	// Stop takes the message broker away, and Start brings it back, empty, at the same address. If they are nil, the
	// tests of outages are skipped.
	Stop, Start func(t testing.TB)
}

// Run runs the tests as subtests of t.
func Run(t *testing.T, c Config) {
	t.Run("delivery", func(t *testing.T) { testDelivery(t, c) })
	t.Run("subscription", func(t *testing.T) { testSubscription(t, c) })
	t.Run("topics", func(t *testing.T) { testTopics(t, c) })
	t.Run("watch", func(t *testing.T) { testWatch(t, c) })
	t.Run("outage", func(t *testing.T) { testOutage(t, c) })
	t.Run("store", func(t *testing.T) { testStore(t, c) })
	t.Run("goroutines", func(t *testing.T) { testGoroutines(t, c) })
}
