package hub

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/wsgate/wsgate/internal/guard"
)

// safeBroker wraps the user's Broker. A panic in one of its methods, most of which run on goroutines of this package,
// is logged with its stack and returned as an error.
type safeBroker struct {
	Broker
	hub *Hub
}

// safeStore is a safeBroker that is a PresenceStore as well.
type safeStore struct {
	safeBroker
	store PresenceStore
}

// safe wraps the broker in a safeBroker or safeStore.
func (h *Hub) safe(broker Broker) Broker {
	b := safeBroker{broker, h}
	if store, ok := broker.(PresenceStore); ok {
		return safeStore{b, store}
	}
	return b
}

func (b safeBroker) Publish(topic string, message []byte) error {
	return b.call("Publish", func() error { return b.Broker.Publish(topic, message) })
}

func (b safeBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (unsubscribe func(), err error) {
	err = b.call("Subscribe", func() (err error) {
		unsubscribe, err = b.Broker.Subscribe(ctx, topic, receive)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b.safeFunc("unsubscribe", unsubscribe), nil
}

// Watch reports the message broker as away if its Watch has panicked.
func (b safeBroker) Watch(changed func(error)) (stop func()) {
	err := b.call("Watch", func() error { stop = b.Broker.Watch(changed); return nil })
	if err != nil {
		changed(err)
	}
	return b.safeFunc("the stop of Watch", stop)
}

func (s safeStore) Update(ctx context.Context, table string, rows map[string][]byte) error {
	return s.call("Update", func() error { return s.store.Update(ctx, table, rows) })
}

func (s safeStore) Rows(ctx context.Context, table string) (rows map[string][]byte, err error) {
	err = s.call("Rows", func() (err error) { rows, err = s.store.Rows(ctx, table); return err })
	return rows, err
}

// call calls the broker's method of that name.
func (b safeBroker) call(method string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			b.hub.log(slog.LevelError, "wsgate: the broker panicked", guard.Recovered(v), "method", method)
			err = fmt.Errorf("%s of %T panicked: %v", method, b.Broker, v) // %v, since a wrapped panic would end the caller's connection
		}
	}()
	return f()
}

// safeFunc wraps a function that the broker has returned; for nil it returns one that does nothing.
func (b safeBroker) safeFunc(name string, f func()) func() {
	return func() {
		if f != nil {
			_ = b.call(name, func() error { f(); return nil })
		}
	}
}
