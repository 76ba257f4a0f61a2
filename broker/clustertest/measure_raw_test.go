package clustertest

import (
	"context"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/redis/rueidis"
)

// raw is an engine's own client, with a connection that publishes and one that has subscribed.
type raw struct {
	publish  func([]byte) error
	received <-chan struct{}
	trip     func() error // to the engine and back
}

func newRaw(t *testing.T, s *server) raw {
	t.Helper()
	if s.name == "nats" {
		return rawNATS(t, s)
	}
	return rawRedis(t, s)
}

func rawNATS(t *testing.T, s *server) raw {
	t.Helper()
	connect := func() *natsgo.Conn {
		nc, err := natsgo.Connect(s.urlAt(s.addr))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	from, to := connect(), connect()
	received := make(chan struct{}, 1)
	if _, err := to.Subscribe("raw", func(*natsgo.Msg) { received <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if err := to.Flush(); err != nil {
		t.Fatal(err)
	}
	return raw{
		publish:  func(message []byte) error { return from.Publish("raw", message) },
		received: received,
		trip:     func() error { return from.FlushTimeout(patience) },
	}
}

func rawRedis(t *testing.T, s *server) raw {
	t.Helper()
	connect := func() rueidis.Client {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	from, to := connect(), connect()
	received := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var receiving sync.WaitGroup
	t.Cleanup(receiving.Wait)
	t.Cleanup(cancel)
	receiving.Go(func() {
		_ = to.Receive(ctx, to.B().Subscribe().Channel("raw").Build(), func(rueidis.PubSubMessage) { received <- struct{}{} })
	})
	publish := func(message []byte) error {
		return from.Do(ctx, from.B().Publish().Channel("raw").Message(rueidis.BinaryString(message)).Build()).Error()
	}
	again := time.NewTicker(10 * time.Millisecond) // Receive does not tell when it has subscribed
	defer again.Stop()
	for subscribed := false; !subscribed; {
		count, err := from.Do(ctx, from.B().Publish().Channel("raw").Message("").Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		if subscribed = count > 0; !subscribed {
			<-again.C
		}
	}
	<-received
	return raw{publish, received, func() error { return from.Do(ctx, from.B().Ping().Build()).Error() }}
}
