package brokertest

import (
	"fmt"
	"strings"
	"testing"
)

// testTopics tests that similar topics are kept apart.
func testTopics(t *testing.T, c Config) {
	t.Run("that look alike", func(t *testing.T) { testAlike(t, c) })
	t.Run("below and above", func(t *testing.T) { testBelowAbove(t, c) })
}

// alike are topics that message brokers could confuse: by case, as prefixes or patterns, by truncation, or by special
// characters.
func alike() []string {
	topics := []string{
		"a", "A", "aa", "b", "a.b", "a.B", "A.b", "a.b.c", "a.bc", "ab.c", "abc", "a.a.a", "b.a", "c.b.a",
		"-", "_", "=", "--", "a-b", "a_b", "a=b", "a-", "-a", "a=", "==", "a.=", "=.a", "0", "00", "0.0", "1",
		"a.b=", "a.b==", "a.b-c", "a.b_c", "j.ZnJpZW5kcw==", "j.ZnJpZW5kcw", "j.ZnJpZW5kcx",
	}
	long := strings.Repeat("l", 2047)
	dotted := strings.Repeat("d.", 1023)
	return append(topics, long, long+"m", long+"n", long[:255], long[:256], dotted+"d", dotted+"dd", dotted+"e")
}

func testAlike(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	var boxes []mailbox
	for _, topic := range alike() {
		m, _ := subscribe(t, nodes[0], topic)
		boxes = append(boxes, m)
	}
	for _, m := range boxes {
		publish(t, nodes[1], m.topic, m.topic)
	}
	expectOwn(t, boxes)
}

// testBelowAbove publishes to every topic except the subscribed one.
func testBelowAbove(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	for _, topic := range []string{"a", "a.b", "a.b.c"} {
		m, unsubscribe := subscribe(t, nodes[0], topic)
		for i, other := range alike() {
			if other != topic {
				publish(t, nodes[1], other, fmt.Sprint(i))
			}
		}
		publish(t, nodes[1], topic, "the end")
		if messages := m.expect(t, "the end"); len(messages) != 1 {
			t.Errorf("topic %q: got %q, want what was published to it", topic, messages)
		}
		unsubscribe()
	}
}
