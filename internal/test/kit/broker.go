package kit

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate/internal/local"
)

// Broker is a Broker and PresenceStore in memory. It fails its test when it is not used as [wsgate.Broker] says, and a
// test can stand in its way.
type Broker struct {
	*local.Broker
	Calls  Journal // "subscribe a" when the topic a is subscribed to, "unsubscribe a" when that is to end
	Shared bool    // several nodes have it, each of which subscribes for itself
	Late   bool    // it subscribes although the context has ended
	t      testing.TB

	mu            sync.Mutex // guards following
	before        map[string]func(ctx context.Context, topic string) error
	subscriptions map[string]int // by topic; those that begin and end count
	changed       func(error)
}

// NewBroker returns a way to the broker that others have other ways to.
func NewBroker(t testing.TB, b *local.Broker) *Broker {
	return &Broker{Broker: b, t: t, subscriptions: map[string]int{}, before: map[string]func(context.Context, string) error{}}
}

// ErrSwallowed is what a function of Before returns to have a message vanish without an error.
var ErrSwallowed = errors.New("swallowed")

// Before has f run before each call of a method: Publish, Subscribe, Watch, Update or Rows, "unsubscribe" and "stop" for
// what two of them return, and "receive" for a message that arrives. The call fails with f's error. A nil f is none.
func (b *Broker) Before(method string, f func(ctx context.Context, topic string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before[method] = f
}

func (b *Broker) begin(ctx context.Context, method, topic string) error {
	b.mu.Lock()
	f := b.before[method]
	b.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, topic)
}

// Tell has the node hear that the broker is away, or with nil that it is there.
func (b *Broker) Tell(err error) {
	b.mu.Lock()
	changed := b.changed
	b.mu.Unlock()
	changed(err)
}

// Subscribed returns the topics that are subscribed to, or about to be, sorted.
func (b *Broker) Subscribed() (topics []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic := range b.subscriptions {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	return topics
}

// SubscribedByApps is Subscribed without what nodes say to each other.
func (b *Broker) SubscribedByApps() []string {
	return slices.DeleteFunc(b.Subscribed(), func(topic string) bool { return strings.HasPrefix(topic, "node") })
}

// Subscriptions returns how many subscriptions there are to a topic.
func (b *Broker) Subscriptions(topic string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.subscriptions[topic]
}

var topicForm = regexp.MustCompile(`^[a-zA-Z0-9_=-]+(\.[a-zA-Z0-9_=-]+)*$`)

func (b *Broker) checkTopic(topic string) {
	if !topicForm.MatchString(topic) || len(topic) > 2048 {
		b.t.Errorf("got the topic %.100q of %d bytes, which no Broker has to take", topic, len(topic))
	}
}

func (b *Broker) count(topic string, change int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.subscriptions[topic] + change
	if n < 0 {
		b.t.Errorf("unsubscribed from %s twice", topic)
	}
	if n > 1 && !b.Shared {
		b.t.Errorf("subscribed to %s although it is", topic)
	}
	b.subscriptions[topic] = n
	if n == 0 {
		delete(b.subscriptions, topic)
	}
}

// Publish implements wsgate.Broker.
func (b *Broker) Publish(topic string, message []byte) error {
	b.checkTopic(topic)
	if err := b.begin(context.Background(), "Publish", topic); errors.Is(err, ErrSwallowed) {
		return nil
	} else if err != nil {
		return err
	}
	return b.Broker.Publish(topic, message)
}

// Subscribe implements wsgate.Broker.
func (b *Broker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	b.checkTopic(topic)
	b.count(topic, 1)
	unsubscribe, err := b.subscribe(ctx, topic, receive)
	if err != nil {
		b.count(topic, -1)
		return nil, err
	}
	b.Calls.Add("subscribe %s", topic)
	return func() {
		b.Calls.Add("unsubscribe %s", topic)
		b.begin(context.Background(), "unsubscribe", topic)
		unsubscribe()
		b.count(topic, -1)
	}, nil
}

func (b *Broker) subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	if err := b.begin(ctx, "Subscribe", topic); err != nil {
		return nil, err
	}
	if b.Late {
		ctx = context.WithoutCancel(ctx)
	}
	return b.Broker.Subscribe(ctx, topic, func(message []byte) {
		if b.begin(context.Background(), "receive", topic) == nil {
			receive(message)
		}
	})
}

// Watch implements wsgate.Watcher.
func (b *Broker) Watch(changed func(error)) func() {
	b.begin(context.Background(), "Watch", "")
	b.mu.Lock()
	b.changed = changed
	b.mu.Unlock()
	stop := b.Broker.Watch(changed)
	return func() { b.begin(context.Background(), "stop", ""); stop() }
}

// Update implements wsgate.PresenceStore.
func (b *Broker) Update(ctx context.Context, table string, rows map[string][]byte) error {
	if err := b.begin(ctx, "Update", table); err != nil {
		return err
	}
	return b.Broker.Update(ctx, table, rows)
}

// Rows implements wsgate.PresenceStore.
func (b *Broker) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	if err := b.begin(ctx, "Rows", table); err != nil {
		return nil, err
	}
	return b.Broker.Rows(ctx, table)
}
