package nodes_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// What nodes exchange is counted on both sides, and what a node cannot use by reason.
func TestStatsOfNodes(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		apps := startApps(t, engine, 2)
		wstest.Pass(5 * time.Second)
		client := apps[0].Dial("/ws?name=ann")
		wstest.Do(client, enter, "lobby")
		here, there := apps[0].Stats(), apps[1].Stats()
		if !here.Broker || !here.BrokerUp || here.Nodes != 1 || here.Topics != 5 { // of all nodes, its own, the route, the user, the room
			t.Errorf("the node has the numbers %+v", here)
		}
		if route := here.Routes["/ws"]; route.Users != 1 || route.Rooms != 1 || route.Connections != 1 {
			t.Errorf("the route has the numbers %+v", route)
		}

		if err := heard.Emit(apps[1].in("lobby"), "hi"); err != nil {
			t.Error(err)
		}
		wstest.Next(client, heard)
		hereNow, thereNow := apps[0].Stats(), apps[1].Stats()
		if n := hereNow.Received - here.Received; n != 1 {
			t.Errorf("%d messages came, want 1", n)
		}
		if n := thereNow.Published - there.Published; n != 1 {
			t.Errorf("%d messages were published, want 1", n)
		}
		if n := hereNow.Routes["/ws"].Deliveries - here.Routes["/ws"].Deliveries; n != 1 {
			t.Errorf("%d were delivered, want 1", n)
		}

		room := ""
		for _, topic := range apps[0].broker.SubscribedByApps() {
			if strings.Contains(topic, "room") {
				room = topic
			}
		}
		valid := kit.NodeMessage(kit.NodeData, "stranger", 7, "\x01\x00hi")
		for _, text := range [][]byte{
			[]byte("garbage"), valid, valid, // the second comes too late
			kit.NodeMessage(kit.NodeData, "other", 1, strings.Repeat("x", 6<<20)), kit.NodeMessage(kit.NodeData, "third", 1, "\x09"),
		} {
			if err := engine.Publish(room, text); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		want := map[string]uint64{"garbage": 1, "late": 1, "too_large": 1, "invalid": 1, "crowded": 0}
		if got := apps[0].Stats(); !maps.Equal(got.Ignored, want) || got.Received-hereNow.Received != 5 {
			t.Errorf("%d came, and were ignored by reason: %v; want 5 and %v", got.Received-hereNow.Received, got.Ignored, want)
		}

		engine.SetAway(errors.New("away"))
		synctest.Wait()
		before := apps[1].Stats().Failed
		if err := heard.Emit(apps[1].in("lobby"), "hi"); !errors.Is(err, wsgate.ErrBroker) {
			t.Errorf("got error %v", err)
		}
		if got := apps[1].Stats(); got.BrokerUp || got.Failed != before+1 {
			t.Errorf("up %v, and %d were not accepted, want one more than %d", got.BrokerUp, got.Failed, before)
		}
	})
}
