package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

func TestClose(t *testing.T) {
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	b, other := connect(t, proxy.url(), nil, calm), connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	watch(t, other).up(t)
	r, own := subscribe(t, other, "topic"), subscribe(t, b, "topic")
	asked := make(chan struct{})
	refused := make(chan error, 1)
	proxy.hold()
	go func() {
		ctx := &firstDone{Context: context.Background(), asked: func() { close(asked) }}
		_, err := b.Subscribe(ctx, "waits", func([]byte) {})
		refused <- err
	}()
	<-asked
	for i := range 100 {
		publish(t, b, "topic", fmt.Sprint(i))
	}
	closed := make(chan error)
	go func() { closed <- b.Close() }()
	err := <-refused
	proxy.release()
	if err == nil {
		t.Error("a Subscribe that waits: got no error, want one since the Broker is closed")
	}
	if err := errors.Join(<-closed, b.Close()); err != nil {
		t.Errorf("Close, twice: got %v, want no error", err)
	}
	r.wait(t, "what was published before", func(got []string) bool { return len(got) == 100 })
	if got := own.now(); len(got) > 0 {
		t.Errorf("got %q of what was published behind hold, want nothing, since the Broker is closed", got)
	}
	_, errSubscribe := b.Subscribe(context.Background(), "topic", func([]byte) {})
	_, errRows := b.Rows(context.Background(), "table")
	var state error
	b.Watch(func(err error) { state = err })()
	for name, err := range map[string]error{
		"Publish": b.Publish("topic", nil), "Subscribe": errSubscribe, "Rows": errRows, "Watch": state,
		"Update": b.Update(context.Background(), "table", map[string][]byte{"row": nil}),
	} {
		if err == nil || !strings.Contains(err.Error(), "the Broker is closed") {
			t.Errorf("%s of a closed Broker: got %v, want an error that says so", name, err)
		}
	}
}

// TestCloseSilent closes brokers whose server does not answer.
func TestCloseSilent(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	connected := connect(t, proxy.url(), nil, calm)
	watch(t, connected).up(t)
	subscribe(t, connected, "topic")
	proxy.hold()
	publish(t, connected, "topic", "never sent")
	connecting := connect(t, proxy.url(), nil, calm)
	eventually(t, "a third connection", func() bool { return proxy.count() == 3 })
	begin := time.Now()
	connecting.Close()
	connected.Close()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Close took %v, want the second for what waits to be sent, and little more", took)
	}
}

// TestEndsAtOnce ends a subscription while messages wait for its receiver.
func TestEndsAtOnce(t *testing.T) {
	const waiting = 10
	ends := map[string]func(t *testing.T, b *redis.Broker, unsubscribe func()){
		"unsubscribe": func(_ *testing.T, _ *redis.Broker, unsubscribe func()) { unsubscribe() },
		"Close": func(t *testing.T, b *redis.Broker, _ func()) {
			go b.Close() // connect waits for it
			eventually(t, "the Broker to be closed", func() bool { return b.Publish("topic", nil) != nil })
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			server := startServer(t)
			b := connect(t, server.url(), nil, redis.Tuning{Waiting: waiting})
			watch(t, b).up(t)
			r := newRecord[string]("the topic")
			busy := make(chan struct{})
			unsubscribe, err := b.Subscribe(context.Background(), "topic", func(m []byte) {
				r.add(string(m))
				busy <- struct{}{} // the test has heard of the call
				<-busy             // and has it end
			})
			if err != nil {
				t.Fatal(err)
			}
			server.do(t, "PUBLISH", "wsgate:topic", "first")
			<-busy
			for range waiting + 1 {
				server.do(t, "PUBLISH", "wsgate:topic", "waits")
			}
			eventually(t, "all but one message to wait", func() bool { return b.Dropped() == 1 })
			busy <- struct{}{}
			<-busy // with the first of those that wait
			end(t, b, unsubscribe)
			busy <- struct{}{}
			b.Close()
			if got := r.now(); len(got) != 2 {
				t.Errorf("got %q, want nothing behind the end", got)
			}
		})
	}
}
