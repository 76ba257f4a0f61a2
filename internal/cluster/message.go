package cluster

import (
	"encoding/binary"
	"errors"
)

// Kind is what a message between nodes is.
type Kind byte

// The kinds. A node ignores those it does not know, and counts them: it may be older than its neighbours.
const (
	Data     Kind = 1 // a message for the members of a room, a route or a user
	Presence Kind = 2 // who came to a room and who left it
	beat     Kind = 3 // a node is alive
	hello    Kind = 4 // a node begins: who else is there?
	bye      Kind = 5 // a node ends
	buried   Kind = 6 // a node was taken for dead
	ask      Kind = 7 // a question to all nodes
	answer   Kind = 8
)

// version is that of the format. A message of any other version is ignored.
const version = 1

// Message is what nodes send each other: version, kind, the length of the node's id, that id, the number, the body.
// Numbers are unsigned varints.
type Message struct {
	Kind Kind
	Node string // who sent it
	Body []byte // valid while the message is handled
}

const maxNodeID = 128

func header(dst []byte, kind Kind, node string, seq uint64) []byte {
	dst = append(dst, version, byte(kind))
	dst = AppendString(dst, node)
	return binary.AppendUvarint(dst, seq)
}

var errGarbage = errors.New("garbage")

// parse reads a message that anybody may have sent. What it returns points into text. seq grows from message to
// message of one node on one topic.
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

// AppendString appends a string that CutString reads.
func AppendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// CutString reads a string of at most that many bytes.
func CutString(text []byte, most int) (s string, rest []byte, err error) {
	b, rest, err := cut(text, most)
	return string(b), rest, err
}

func cut(text []byte, most int) (s, rest []byte, err error) {
	size, n := binary.Uvarint(text)
	if n <= 0 || size > uint64(most) || size > uint64(len(text)-n) {
		return nil, nil, errGarbage
	}
	return text[n : n+int(size)], text[n+int(size):], nil
}
