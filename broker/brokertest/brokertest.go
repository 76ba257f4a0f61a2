// Package brokertest has the tests that every [wsgate.Broker] passes, and every [wsgate.PresenceStore].
//
// A package that implements them for an engine runs them in one of its own tests:
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
// What arrives is waited for, for at most half a minute; what must not arrive is looked for behind something that must.
package brokertest

import (
	"testing"

	"github.com/wsgate/wsgate"
)

// Config says how to reach the engine under test.
type Config struct {
	// New returns a broker that is connected to the engine, or connects in the background. Every call returns another
	// one, all to the same engine, as nodes of a cluster have. It is closed by t.Cleanup.
	New func(t testing.TB) wsgate.Broker

	// Stop takes the engine away, and Start brings it back, empty, at the same address. If they are nil, the tests of
	// outages are skipped.
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
