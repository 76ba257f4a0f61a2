package kit

import (
	"encoding/binary"
	"testing"

	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/wstest"
)

// The kinds of messages between nodes as they stand on the wire. Nodes of several versions talk to each other, so they do
// not change.
const (
	NodeData     = 1
	NodePresence = 2
	NodeBeat     = 3
	NodeHello    = 4
	NodeBye      = 5
	NodeBuried   = 6
	NodeAsk      = 7
	NodeAnswer   = 8
	NodeTraced   = 9
)

// NodeMessage returns a message as it comes from the broker, made of nothing but what the format says.
func NodeMessage(kind byte, node string, seq uint64, body string) []byte {
	b := []byte{1, kind}
	b = binary.AppendUvarint(b, uint64(len(node)))
	b = append(b, node...)
	b = binary.AppendUvarint(b, seq)
	return append(b, body...)
}

// ForgedNode is a node that does nothing but what the test does in its name.
type ForgedNode struct {
	t      testing.TB
	broker *local.Broker
	ID     string
	Seq    uint64 // of its last message
}

// NewForgedNode returns a node of which nobody has heard.
func NewForgedNode(t testing.TB, b *local.Broker, id string) *ForgedNode {
	return &ForgedNode{t: t, broker: b, ID: id}
}

// NewMuteNode returns a node that is known to all others and does not answer.
func NewMuteNode(t testing.TB, b *local.Broker, id string) *ForgedNode {
	f := NewForgedNode(t, b, id)
	f.Publish("nodes", NodeHello, "")
	wstest.Pass(0)
	return f
}

// Publish publishes the node's next message to a topic.
func (f *ForgedNode) Publish(topic string, kind byte, body string) {
	f.t.Helper()
	f.Seq++
	if err := f.broker.Publish(topic, NodeMessage(kind, f.ID, f.Seq, body)); err != nil {
		f.t.Error(err)
	}
}
