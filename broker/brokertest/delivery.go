package brokertest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsgate/wsgate"
)

// testDelivery tests the delivery of messages.
func testDelivery(t *testing.T, c Config) {
	t.Run("reaches every subscriber", func(t *testing.T) { testEverySubscriber(t, c) })
	t.Run("after Subscribe has returned", func(t *testing.T) { testConfirmed(t, c) })
	t.Run("keeps the order", func(t *testing.T) { testOrder(t, c) })
	t.Run("one call at a time", func(t *testing.T) { testNoOverlap(t, c) })
	t.Run("comes back to its publisher", func(t *testing.T) { testOwnMessages(t, c) })
	t.Run("the publisher keeps it", func(t *testing.T) { testPublisherKeeps(t, c) })
	t.Run("arrives whole", func(t *testing.T) { testWhole(t, c) })
	t.Run("answered by its receiver", func(t *testing.T) { testAnswer(t, c) })
	t.Run("beside a flood", func(t *testing.T) { testFlood(t, c) })
}

func testEverySubscriber(t *testing.T, c Config) {
	nodes := c.nodes(t, 4)
	publish(t, nodes[0], "every", "to nobody")
	var boxes []mailbox
	for _, b := range nodes[1:] {
		m, _ := subscribe(t, b, "every")
		boxes = append(boxes, m)
	}
	publish(t, nodes[0], "every", "to all")
	for _, m := range boxes {
		m.expect(t, "to all")
	}
}

func testConfirmed(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	for i := range 300 {
		m, unsubscribe := subscribe(t, nodes[0], fmt.Sprint("confirmed.", i))
		publish(t, nodes[1], m.topic, "at once")
		m.expect(t, "at once")
		if i%2 == 0 {
			unsubscribe()
		}
	}
}

// testOrder publishes from goroutines of two nodes to the same topics.
func testOrder(t *testing.T, c Config) {
	const publishers, each = 6, 300
	nodes := c.nodes(t, 3)
	topics := []string{"order", "order.too"}
	boxes := []mailbox{}
	for _, topic := range topics {
		m, _ := subscribe(t, nodes[0], topic)
		boxes = append(boxes, m)
	}
	var running sync.WaitGroup
	for p := range publishers {
		running.Go(func() {
			for i := range each {
				for _, topic := range topics {
					if err := nodes[1+p%2].Publish(topic, fmt.Appendf(nil, "%d %d", p, i)); err != nil {
						t.Errorf("Publish: got the error %q, want none", err)
					}
				}
			}
		})
	}
	running.Wait()
	for _, m := range boxes {
		messages := m.wait(t, fmt.Sprintf("%d messages", publishers*each), func(messages []string) bool {
			return len(messages) >= publishers*each
		})
		var next [publishers]int
		for _, message := range messages {
			var p, i int
			if _, err := fmt.Sscanf(message, "%d %d", &p, &i); err != nil {
				t.Fatalf("topic %s: got %q, want what was published", m.topic, message)
			}
			if i != next[p] {
				t.Fatalf("topic %s: got message %d of goroutine %d, want message %d", m.topic, i, p, next[p])
			}
			next[p]++
		}
	}
}

func testNoOverlap(t *testing.T, c Config) {
	const publishers, each = 4, 200
	nodes := c.nodes(t, 3)
	var running, total atomic.Int32
	done := make(chan struct{})
	receive(t, nodes[0], "overlap", func([]byte) {
		if running.Add(1) > 1 {
			t.Error("got a call of receive while another one for the topic runs, want one after the other")
		}
		for range 10 {
			runtime.Gosched() // gives a second call the time to begin
		}
		running.Add(-1)
		if total.Add(1) == publishers*each {
			close(done)
		}
	})
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for range each {
				if err := nodes[1+p%2].Publish("overlap", []byte("m")); err != nil {
					t.Errorf("Publish: got the error %q, want none", err)
				}
			}
		})
	}
	publishing.Wait()
	await(t, fmt.Sprintf("waiting for %d messages", publishers*each), done)
}

// testOwnMessages publishes and subscribes with the same broker.
func testOwnMessages(t *testing.T, c Config) {
	b := c.nodes(t, 1)[0]
	m, _ := subscribe(t, b, "own")
	if err := b.Publish("own", []byte("to myself")); err != nil {
		t.Fatal(err)
	}
	m.expect(t, "to myself")
}

// testPublisherKeeps overwrites a message as soon as it is published.
func testPublisherKeeps(t *testing.T, c Config) {
	const count = 500
	nodes := c.nodes(t, 2)
	m, _ := subscribe(t, nodes[0], "kept")
	buffer := make([]byte, 100)
	for i := range count {
		for j := range buffer {
			buffer[j] = byte(i)
		}
		if err := nodes[1].Publish("kept", buffer); err != nil {
			t.Fatal(err)
		}
		for j := range buffer {
			if buffer[j] != byte(i) {
				t.Fatal("got a message that Publish has changed, want it untouched")
			}
		}
	}
	clear(buffer)
	messages := m.wait(t, fmt.Sprintf("%d messages", count), func(messages []string) bool { return len(messages) >= count })
	for i, message := range messages {
		if want := string(bytes.Repeat([]byte{byte(i)}, len(buffer))); message != want {
			t.Fatalf("message %d: got %q, want %q, whatever the publisher does with its slice", i, message, want)
		}
	}
}

func testWhole(t *testing.T, c Config) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	large := make([]byte, 512<<10)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(large)
	messages := map[string][]byte{
		"empty":       {},
		"zero":        {0},
		"line ends":   []byte("\r\n\r\nPUB x 1\r\n\r\n"),
		"every byte":  every,
		"no UTF-8":    {0xff, 0xfe, 0xc0},
		"512 KiB":     large,
		"a delimiter": []byte("$5\r\nhello\r\n"),
	}
	nodes := c.nodes(t, 2)
	for name, message := range messages {
		t.Run(name, func(t *testing.T) { testArrivesWhole(t, nodes, message) })
	}
}

func testArrivesWhole(t *testing.T, nodes []wsgate.Broker, message []byte) {
	m, unsubscribe := subscribe(t, nodes[0], "whole")
	defer unsubscribe()
	for range 3 {
		publish(t, nodes[1], "whole", string(message))
	}
	publish(t, nodes[1], "whole", "the end")
	messages := m.expect(t, "the end")
	if len(messages) != 4 {
		t.Fatalf("got %d messages, want 4", len(messages))
	}
	for _, got := range messages[:3] {
		if got != string(message) {
			t.Errorf("got %s, want %s", shown(got), shown(string(message)))
		}
	}
}

// testAnswer publishes from within receive, as an App does to answer a request.
func testAnswer(t *testing.T, c Config) {
	const questions = 100
	nodes := c.nodes(t, 2)
	receive(t, nodes[0], "questions", func(message []byte) {
		if err := nodes[0].Publish("answers", message); err != nil {
			t.Errorf("Publish within receive: got the error %q, want none", err)
		}
	})
	answers, _ := subscribe(t, nodes[1], "answers")
	for i := range questions {
		publish(t, nodes[1], "questions", fmt.Sprint(i))
	}
	answers.expect(t, fmt.Sprint(questions-1))
}
