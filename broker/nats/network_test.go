package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"github.com/wsgate/wsgate/broker/nats"
)

const (
	detection = 9 * time.Second // of a dead connection, as the package comment promises
	slack     = 2 * time.Second // for a machine that is busy
)

// TestBlackHole has the network swallow everything, with the settings that everybody gets.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	plain := newEngine(t, nil)
	encrypted, trust := newTLSEngine(t)
	const large, small = 64 << 10, 64
	for name, test := range map[string]struct {
		engine *engine
		load   int  // the size of messages that are published meanwhile
		stuck  bool // the network does not even take the first bytes
	}{
		"idle":         {engine: plain},
		"busy":         {engine: plain, load: large},
		"busy, TLS":    {engine: encrypted, load: large},
		"busy, stuck":  {engine: plain, load: large, stuck: true},
		"little to do": {engine: plain, load: small, stuck: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, test.engine)
			conn := []natsgo.Option{trust}
			if test.stuck {
				conn = append(conn, natsgo.SetCustomDialer(p))
			}
			if test.engine == plain {
				conn = conn[1:]
			}
			a := connect(t, p.url(), conn...)
			states := watch(t, a)
			states.up(t)
			messages, _ := subscribe(t, a, "hole")
			p.swallow()
			begin := time.Now()
			if test.load > 0 {
				flood(t, a, make([]byte, test.load), test.load == large)
			} else {
				states.down(t)
			}
			if took := time.Since(begin); took > detection+slack {
				t.Errorf("got the loss of the connection after %v, want it within %v", took, detection)
			}
			begin = time.Now()
			_, unsubscribe := subscribe(t, a, "meanwhile")
			unsubscribe()
			if took := time.Since(begin); took > slack {
				t.Errorf("Subscribe and unsubscribe took %v while there is no network, want no waiting", took)
			}
			p.restore()
			states.up(t)
			publish(t, a, "hole", "again")
			expect(t, messages, "again")
		})
	}
}

// flood publishes until it fails because of the connection. No call may take long. With a message that is large a
// queue has to be full before.
func flood(t *testing.T, b *nats.Broker, message []byte, large bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for full := false; ; {
		begin := time.Now()
		err := b.Publish("flood", message)
		if took := time.Since(begin); took > slack {
			t.Errorf("Publish took %v while the network takes nothing, want no waiting", took)
		}
		switch {
		case err == nil:
			if !large {
				<-again.C
			}
		case strings.Contains(err.Error(), "32 MiB wait to be sent"):
			full = true
			<-again.C
		default:
			if full != large {
				t.Errorf("got a full queue: %v, want %v", full, large)
			}
			expectError(t, err, "no connection")
			return
		}
	}
}

// TestSubscribeInBlackHole looks at a Subscribe that NATS does not answer.
func TestSubscribeInBlackHole(t *testing.T) {
	p := newProxy(t, newEngine(t, nil))
	b := connect(t, p.url(), natsgo.PingInterval(200*time.Millisecond))
	states := watch(t, b)
	states.up(t)
	p.swallow()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.Subscribe(ctx, "late", func([]byte) {}); err != context.DeadlineExceeded {
		t.Errorf("got the error %v, want %v", err, context.DeadlineExceeded)
	}
	// With more patience it returns when the engine counts as away, without an error.
	if _, err := b.Subscribe(t.Context(), "late", func([]byte) {}); err != nil {
		t.Errorf("got the error %v, want none", err)
	}
	states.down(t)
	p.restore()
	states.up(t)
}

// TestNoAnswer dials somebody who accepts connections and says nothing.
func TestNoAnswer(t *testing.T) {
	p := newProxy(t, newEngine(t, nil))
	p.swallow()
	begin := time.Now()
	patient := watch(t, connect(t, p.url(), natsgo.Timeout(patience)))
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("New took %v, want no waiting for the server", took)
	}
	expectError(t, <-patient, "connecting")
	impatient := watch(t, connect(t, p.url(), natsgo.Timeout(100*time.Millisecond)))
	impatient.says(t, "timeout")
	p.restore()
	patient.up(t)
	impatient.up(t)
}

// TestCluster ends the server that a broker is connected to.
func TestCluster(t *testing.T) {
	engines := newCluster(t, 3)
	a, b := node(t, engines[0].url()), node(t, engines[1].url())
	watchA := watch(t, a)
	watchA.up(t)
	var topics []<-chan string
	for i := range 100 {
		messages, _ := subscribe(t, a, fmt.Sprint("topic.", i))
		topics = append(topics, messages)
	}
	engines[0].stop()
	watchA.down(t)
	watchA.up(t) // over one of the others, of which the broker was told
	for i, messages := range topics {
		until(t, messages, "moved", func() { publish(t, b, fmt.Sprint("topic.", i), "moved") })
	}
}
