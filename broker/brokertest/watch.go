package brokertest

import (
	"testing"
)

// testWatch tests what a watcher is told while the message broker is available; see testOutage for the rest.
func testWatch(t *testing.T, c Config) {
	b := c.New(t)
	first := watch(t, b)
	first.up(t)
	t.Run("the state first", func(t *testing.T) {
		told, _ := watch(t, b).now()
		if told[0] != nil {
			t.Errorf("got the error %q, want nil as the other watcher was told", told[0])
		}
	})
	t.Run("several", func(t *testing.T) {
		second, third := watch(t, b), watch(t, b)
		second.stop()
		second.up(t)
		third.up(t)
	})
	t.Run("another node", func(t *testing.T) { watch(t, c.New(t)).up(t) })
}
