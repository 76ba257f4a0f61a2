package cluster_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

const mostBody = 1 << 20 // of the nodes in these tests

// listen returns a node that is subscribed to topic "a", and what it gets.
func listen(t *testing.T) (n *cluster.Node, broker *kit.Broker, got *kit.Journal) {
	n, broker = newNode(t)
	got = new(kit.Journal)
	err := n.Acquire(t.Context(), "a", func(m cluster.Message) { got.Add("%d %s %.20s", m.Kind, m.Node, m.Body) })
	if err != nil {
		t.Fatal(err)
	}
	return n, broker, got
}

// Nobody has to be asked: the bytes are those that are documented.
func TestFormatOnTheWire(t *testing.T) {
	n, broker := newNode(t)
	var text []byte
	end, err := broker.Broker.Subscribe(t.Context(), "a", func(message []byte) { text = append(text, message...) })
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	for _, body := range []string{"hello", ""} {
		if err := n.Publish("a", cluster.Data, func(b []byte) []byte { return append(b, body...) }); err != nil {
			t.Error(err)
		}
	}
	if want := append(kit.NodeMessage(kit.NodeData, n.ID(), 1, "hello"), kit.NodeMessage(kit.NodeData, n.ID(), 2, "")...); string(text) != string(want) {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestGarbage(t *testing.T) {
	valid := kit.NodeMessage(kit.NodeData, "stranger", 1, "hello")
	overlong := append([]byte{1, kit.NodeData}, 0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0)
	tests := map[string][]byte{
		"nothing":                  nil,
		"zeroes":                   make([]byte, 100),
		"ones":                     []byte(strings.Repeat("\xff", 100)),
		"text":                     []byte("hello, is there anybody?"),
		"JSON":                     []byte(`{"kind":1,"node":"x"}`),
		"version 0":                append([]byte{0}, valid[1:]...),
		"the next version":         append([]byte{2}, valid[1:]...),
		"version 255":              append([]byte{255}, valid[1:]...),
		"no node":                  kit.NodeMessage(kit.NodeData, "", 1, "hello"),
		"a node of 129 bytes":      kit.NodeMessage(kit.NodeData, strings.Repeat("n", 129), 1, "hello"),
		"a node of 1 MiB":          kit.NodeMessage(kit.NodeData, strings.Repeat("n", 1<<20), 1, "hello"),
		"number 0":                 kit.NodeMessage(kit.NodeData, "stranger", 0, "hello"),
		"a node beyond the end":    append([]byte{1, kit.NodeData, 100}, "short"...),
		"a node of 2^63 bytes":     binary.AppendUvarint([]byte{1, kit.NodeData}, 1<<63),
		"a node of 2^64-1 bytes":   append(binary.AppendUvarint([]byte{1, kit.NodeData}, math.MaxUint64), "stranger\x01"...),
		"a length of 11 bytes":     append(overlong, "stranger\x01hello"...),
		"a length that never ends": append([]byte{1, kit.NodeData}, strings.Repeat("\x80", 50)...),
		"a number of 2^64":         append(append([]byte{1, kit.NodeData, 8}, "stranger"...), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2),
		"number 2^48+1":            kit.NodeMessage(kit.NodeData, "stranger", 1<<48+1, "hello"),
		"number 2^64-1":            kit.NodeMessage(kit.NodeData, "stranger", math.MaxUint64, "hello"),
		"a number that never ends": append(append([]byte{1, kit.NodeData, 8}, "stranger"...), strings.Repeat("\xff", 50)...),
		"a body that is too large": kit.NodeMessage(kit.NodeData, "stranger", 1, strings.Repeat("x", mostBody+1)),
	}
	for end := range len(valid) - len("hello") {
		tests[fmt.Sprintf("cut to %d bytes", end)] = valid[:end]
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			n, broker, got := listen(t)
			for i := range 3 {
				if err := broker.Publish("a", text); err != nil {
					t.Fatal(err)
				}
				neighbor := kit.NewForgedNode(t, broker.Broker, fmt.Sprint("neighbor", i))
				neighbor.Publish("a", kit.NodeData, "still here")
				got.WantNext(t, fmt.Sprintf("1 neighbor%d still here", i))
			}
			if got := ignored(n); got != 3 {
				t.Errorf("got %d ignored messages, want 3", got)
			}
		})
	}
}

func TestWhatIsNoGarbage(t *testing.T) {
	large, long := strings.Repeat("x", mostBody), strings.Repeat("n", 128)
	for name, test := range map[string]struct {
		text []byte
		want string
	}{
		"empty body":             {kit.NodeMessage(kit.NodeData, "s", 1, ""), "1 s "},
		"a body of the most":     {kit.NodeMessage(kit.NodeData, "s", 1, large), "1 s " + large[:20]},
		"a node of 128 bytes":    {kit.NodeMessage(kit.NodeData, long, 1, "b"), "1 " + long + " b"},
		"a node of odd bytes":    {kit.NodeMessage(kit.NodeData, "\xff\x00*>.\r\n", 1, "b"), "1 \xff\x00*>.\r\n b"},
		"the largest number":     {kit.NodeMessage(kit.NodeData, "s", 1<<48, "b"), "1 s b"},
		"a kind of later":        {kit.NodeMessage(200, "s", 1, "b"), "200 s b"}, // whose receiver ignores it
		"kind 0":                 {kit.NodeMessage(0, "s", 1, "b"), "0 s b"},
		"a number in more bytes": {append([]byte{1, kit.NodeData, 1, 's'}, 0x81, 0x00, 'b'), "1 s b"},
	} {
		t.Run(name, func(t *testing.T) {
			n, broker, got := listen(t)
			if err := broker.Publish("a", test.text); err != nil {
				t.Fatal(err)
			}
			got.WantNext(t, test.want)
			if ignored := ignored(n); ignored != 0 {
				t.Errorf("got %d ignored messages, want none", ignored)
			}
		})
	}
}

// What a node has sent itself does not come back, and is no garbage either.
func TestOwnEcho(t *testing.T) {
	n, broker, got := listen(t)
	for range 10 {
		if err := n.Publish("a", cluster.Data, func(b []byte) []byte { return append(b, "echo"...) }); err != nil {
			t.Error(err)
		}
	}
	for _, seq := range []uint64{0, 1, math.MaxUint64} { // somebody has recorded it
		if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, n.ID(), seq, "echo")); err != nil {
			t.Error(err)
		}
	}
	got.WantNext(t)
	if ignored := ignored(n); ignored != 0 {
		t.Errorf("got %d ignored messages, want none", ignored)
	}
}

// Each message arrives once and in order, whatever the engine does, for every sender and topic on its own.
func TestTwiceAndTooLate(t *testing.T) {
	n, broker, got := listen(t)
	err := n.Acquire(t.Context(), "b", func(m cluster.Message) { got.Add("on b: %s", m.Body) })
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		topic, node string
		seq         uint64
	}{
		{"a", "x", 5},
		{"a", "x", 5},
		{"a", "x", 4},
		{"a", "y", 1},
		{"a", "x", 6},
		{"b", "x", 2},
		{"b", "x", 2},
		{"a", "x", 1 << 40},
		{"a", "x", 7},
		{"a", "y", 2},
		{"b", "x", 3},
		{"a", "x", 1<<40 + 1},
		{"a", "x", 1 << 40},
	} {
		if err := broker.Publish(m.topic, kit.NodeMessage(kit.NodeData, m.node, m.seq, fmt.Sprint(m.seq))); err != nil {
			t.Error(err)
		}
	}
	got.WantNext(t, "1 x 5", "1 y 1", "1 x 6", "on b: 2", "1 x 1099511627776", "1 y 2", "on b: 3", "1 x 1099511627777")
	if ignored := ignored(n); ignored != 5 {
		t.Errorf("got %d ignored messages, want 5", ignored)
	}
}

// A stranger that takes ever new names is not remembered for ever, and costs the neighbors nothing but that a message of
// theirs may come twice.
func TestManyNames(t *testing.T) {
	n, broker, got := listen(t)
	neighbor := kit.NewForgedNode(t, broker.Broker, "neighbor")
	neighbor.Publish("a", kit.NodeData, "before")
	got.WantNext(t, "1 neighbor before")
	for i := range 10_000 {
		if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, fmt.Sprint("name", i), 1, "")); err != nil {
			t.Fatal(err)
		}
	}
	got.Take()
	if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, "neighbor", 1, "again")); err != nil {
		t.Error(err)
	}
	got.WantNext(t, "1 neighbor again") // it was forgotten, as it has to be
	neighbor.Publish("a", kit.NodeData, "after")
	got.WantNext(t, "1 neighbor after")
	if ignored := ignored(n); ignored != 0 {
		t.Errorf("got %d ignored messages, want none", ignored)
	}
}

// Nodes that have come and gone are not remembered by the topics on which they have spoken, those that live are.
func TestNodesComeAndGo(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		m := start(t, engine)
		var got kit.Journal
		if err := m.Acquire(t.Context(), "a", func(m cluster.Message) { got.Add("%s", m.Node) }); err != nil {
			t.Fatal(err)
		}
		neighbor := kit.NewForgedNode(t, engine, "neighbor")
		neighbor.Publish("nodes", kit.NodeHello, "")
		neighbor.Publish("a", kit.NodeData, "")
		for i := range 1000 {
			x := kit.NewForgedNode(t, engine, fmt.Sprint("x", i))
			x.Publish("nodes", kit.NodeHello, "")
			x.Publish("a", kit.NodeData, "")
			x.Publish("nodes", kit.NodeBye, "")
			wstest.Pass(0)
		}
		got.Take()
		again := func(node string) {
			if err := engine.Publish("a", kit.NodeMessage(kit.NodeData, node, 2, "")); err != nil {
				t.Fatal(err)
			}
		}
		again("neighbor") // whose number 2 was that
		got.WantNext(t)
		for i := range 1000 {
			again(fmt.Sprint("x", i))
		}
		if lines := got.Take(); len(lines) < 990 {
			t.Errorf("%d of 1,000 nodes that have gone are remembered", 1000-len(lines))
		}
	})
}

// The strings that bodies consist of.
func TestCutString(t *testing.T) {
	for _, s := range oddNames {
		text := append(cluster.AppendString(nil, s), "rest"...)
		if got, rest, err := cluster.CutString(text, len(s)); got != s || string(rest) != "rest" || err != nil {
			t.Errorf("%+q: got %+q, %q, %v", s, got, rest, err)
		}
		if got, _, err := cluster.CutString(text, len(s)-1); err == nil && s != "" {
			t.Errorf("%+q: got %+q, want an error for one byte too many", s, got)
		}
		whole := cluster.AppendString(nil, s)
		for end := range len(whole) {
			if got, _, err := cluster.CutString(whole[:end], 1<<20); err == nil {
				t.Errorf("%+q cut to %d bytes: got %+q, want an error", s, end, got)
			}
		}
	}
	for _, size := range []uint64{1, 100, 1 << 31, 1 << 32, 1 << 40, 1 << 62, 1 << 63, math.MaxUint64} {
		for _, most := range []int{0, 1, 100, math.MaxInt} {
			if got, _, err := cluster.CutString(binary.AppendUvarint(nil, size), most); err == nil {
				t.Errorf("%d bytes of at most %d that are not there: got %q", size, most, got)
			}
		}
	}
}

// FuzzReceive: whatever comes to a topic is delivered or counted, and does not hold up who comes next.
func FuzzReceive(f *testing.F) {
	f.Add(kit.NodeMessage(kit.NodeData, "stranger", 1, "hello"), uint8(200))
	f.Add([]byte{1, 1, 1, 's', 0x81, 0}, uint8(3))
	f.Add(binary.AppendUvarint([]byte{1, kit.NodeData}, math.MaxUint64), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		n, broker, got := listen(t)
		texts := [][]byte{text, text[:min(len(text), int(cut))], text}
		for _, text := range texts {
			if err := broker.Publish("a", text); err != nil {
				t.Fatal(err)
			}
		}
		delivered := len(got.Take())
		if want := len(texts) - delivered; ignored(n) != uint64(want) {
			t.Errorf("%q: %d delivered, %d ignored of %d", text, delivered, ignored(n), len(texts))
		}
		if delivered > 2 {
			t.Errorf("%q: delivered %d times", text, delivered)
		}
		neighbor := kit.NewForgedNode(t, broker.Broker, "a node whose name is not in the corpus")
		neighbor.Seq = 1<<48 - 1
		neighbor.Publish("a", kit.NodeData, "here")
		got.WantNext(t, "1 "+neighbor.ID+" here")
	})
}
