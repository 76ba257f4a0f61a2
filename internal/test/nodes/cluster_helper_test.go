package nodes_test

import (
	"context"
	"sync/atomic"

	"github.com/wsgate/wsgate/wstest"
)

// cutBroker is the broker of a node whose engine seems to be there, and through which nothing comes or goes while cut is
// set.
type cutBroker struct {
	*wstest.Broker
	cut atomic.Bool
}

func (b *cutBroker) Publish(topic string, message []byte) error {
	if b.cut.Load() {
		return nil
	}
	return b.Broker.Publish(topic, message)
}

func (b *cutBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	return b.Broker.Subscribe(ctx, topic, func(message []byte) {
		if !b.cut.Load() {
			receive(message)
		}
	})
}
