package clustertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate/wstest"
)

// countingBroker counts what the App asks of its broker, by topic.
type countingBroker struct {
	broker

	mu         sync.Mutex // guards following
	published  []string
	subscribed []string
}

func (b *countingBroker) Publish(topic string, message []byte) error {
	b.mu.Lock()
	b.published = append(b.published, topic)
	b.mu.Unlock()
	return b.broker.Publish(topic, message)
}

func (b *countingBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	b.mu.Lock()
	b.subscribed = append(b.subscribed, topic)
	b.mu.Unlock()
	return b.broker.Subscribe(ctx, topic, receive)
}

// counted returns the topics since the last call, without those on which nodes speak of themselves.
func (b *countingBroker) counted() (published, subscribed []string) {
	own := func(topic string) bool { return topic == "nodes" || strings.HasPrefix(topic, "node.") }
	b.mu.Lock()
	defer b.mu.Unlock()
	published, subscribed = slices.DeleteFunc(b.published, own), slices.DeleteFunc(b.subscribed, own)
	b.published, b.subscribed = nil, nil
	return published, subscribed
}

// A line costs one message to the engine, whoever is in the room and wherever; the second who joins a room on a node
// costs nothing.
func TestPublishesOnce(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		counting := &countingBroker{broker: s.connect(t)}
		apps := []*wstest.App{startApp(t, "node0", counting), startApp(t, "node1", s.connect(t)), startApp(t, "node2", s.connect(t))}
		seat := func(app *wstest.App, count int) (clients []*wstest.Client) {
			for range count {
				c := app.Dial("/") // nobody's, for whom there is no presence
				wstest.Do(c, join, lobby)
				clients = append(clients, c)
			}
			return clients
		}
		room := apps[0].Hub().At("/").Room(lobby)
		var clients []*wstest.Client
		for _, more := range []int{0, 1, 20} {
			for _, app := range apps {
				clients = append(clients, seat(app, more)...)
			}
			counting.counted()
			emit(t, room, "text")
			published, _ := counting.counted()
			if len(published) != 1 {
				t.Errorf("%d members: got messages to %q, want one", len(clients), published)
			}
			for _, c := range clients {
				wantLines(t, c, "text")
			}
		}
		if seat(apps[0], 5); len(clients) != 63 {
			t.Fatalf("got %d members, want 63", len(clients))
		}
		if published, subscribed := counting.counted(); len(published)+len(subscribed) > 0 {
			t.Errorf("joining a room of this node: got messages to %q, subscriptions to %q, want none", published, subscribed)
		}
	})
}

// Joining a room that nobody on the node is in costs at most two round trips to the engine. The proxy between makes each
// last so long that the rest does not count, and the time tells how many there were.
func TestJoinRoundTrips(t *testing.T) {
	const trip = 400 * time.Millisecond
	overServers(t, func(t *testing.T, s *server) {
		link := newProxy(t, s.addr, trip/2)
		b, err := s.engine.connect(s.urlAt(link.addr))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		app := startApp(t, "far", b)
		c, fresh := app.Dial("/?user=ann"), 0
		for ; fresh < 3; fresh++ {
			took := timed(func() { wstest.Do(c, join, fmt.Sprint("room ", fresh)) })
			t.Logf("a fresh room: %v, which are %.1f round trips", took.Round(time.Millisecond), float64(took)/float64(trip))
			if took < trip || took >= 3*trip {
				t.Errorf("got %v, want one or two round trips of %v", took, trip)
			}
		}
		if took := timed(func() { wstest.Do(c, join, "room 0") }); took >= trip {
			t.Errorf("a room where it is: got %v, want no round trip of %v", took, trip)
		}
		second := app.Dial("/?user=bob")
		if took := timed(func() { wstest.Do(second, join, "room 0") }); took >= trip {
			t.Errorf("a room that has a member: got %v, want no round trip of %v", took, trip)
		}
	})
}
