package cluster

import (
	"encoding/binary"
	"errors"
)

// Kind is the kind of a message between nodes.
type Kind byte

// The kinds. A node ignores and counts unknown ones: other nodes may be newer.
const (
	Data     Kind = 1 // a message for the members of a room, a route or a user
	Presence Kind = 2 // users who entered or left a room
	beat     Kind = 3 // a node is alive
	hello    Kind = 4 // a node has started and asks the others to announce themselves
	bye      Kind = 5 // a node leaves
	buried   Kind = 6 // a node was declared dead
	ask      Kind = 7 // a request to all nodes
	answer   Kind = 8
	Traced   Kind = 9 // like Data, with the header of a trace before it
)

// version is the version of the format. Messages of other versions are ignored.
const version = 1

// Message is a message between nodes. Its encoding is: version, kind, length of the node's id, id, sequence number,
// body. Numbers are unsigned varints.
type Message struct {
	Kind Kind
	Node string // the sender
	Body []byte // valid while the message is handled
}

const maxNodeID = 128

func header(dst []byte, kind Kind, node string, seq uint64) []byte {
	dst = append(dst, version, byte(kind))
	dst = AppendString(dst, node)
	return binary.AppendUvarint(dst, seq)
}

var errGarbage = errors.New("garbage")

// parse decodes untrusted input. The results point into text. seq increases with every message of one node on one
// topic.
func parse(text []byte) (kind Kind, node []byte, seq uint64, body []byte, err error) {
	if len(text) < 2 || text[0] != version {
		return 0, nil, 0, nil, errGarbage
	}
	node, rest, err := cut(text[2:], maxNodeID)
	if err != nil || len(node) == 0 {
		return 0, nil, 0, nil, errGarbage
	}
	seq, n := binary.Uvarint(rest)
	if n <= 0 {
		return 0, nil, 0, nil, errGarbage
	}
	return Kind(text[1]), node, seq, rest[n:], nil
}

// AppendString appends a string in the form that CutString reads.
func AppendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// CutString reads a string of at max max bytes.
func CutString(text []byte, max int) (s string, rest []byte, err error) {
	b, rest, err := cut(text, max)
	return string(b), rest, err
}

func cut(text []byte, max int) (s, rest []byte, err error) {
	size, n := binary.Uvarint(text)
	if n <= 0 || size > uint64(max) || size > uint64(len(text)-n) {
		return nil, nil, errGarbage
	}
	return text[n : n+int(size)], text[n+int(size):], nil
}
