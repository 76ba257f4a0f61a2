package brokertest

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/wsgate/wsgate"
)

// testGoroutines tests that a closed broker leaves no goroutines behind. Those that the message broker starts on first
// use do not count.
func testGoroutines(t *testing.T, c Config) {
	t.Run("first use", func(t *testing.T) { useAll(t, c) })
	before := runtime.NumGoroutine()
	for range 3 {
		t.Run("use", func(t *testing.T) { useAll(t, c) })
	}
	expectGoroutines(t, before)
}

// useAll uses all methods of brokers, and leaves subscriptions and watchers for Close.
func useAll(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	for i := range 100 {
		m, unsubscribe := subscribe(t, nodes[0], fmt.Sprint("used.", i))
		publish(t, nodes[1], m.topic, "used")
		m.expect(t, "used")
		if i%2 == 0 {
			unsubscribe()
		}
	}
	nodes[0].Watch(func(error) {})
	if s, ok := nodes[0].(wsgate.PresenceStore); ok {
		update(t, s, "used", rows{"row": []byte("used")})
		expectRows(t, s, "used", rows{"row": []byte("used")})
		update(t, s, "used", rows{"row": nil})
	}
}
