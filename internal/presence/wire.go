package presence

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/cluster"
)

// value is a node's data about a user.
type value struct {
	stamp uint64 // increases with every change on a node; the largest of all nodes wins
	meta  []byte // JSON
}

// after reports whether v wins over w. All nodes must decide equally if the stamps are equal.
func (v value) after(w value) bool {
	return v.stamp > w.stamp || v.stamp == w.stamp && string(v.meta) > string(w.meta)
}

// entrySize returns the maximum size of a user's JSON in an event: encoding/json writes some characters as \u escapes.
func entrySize(id string, meta []byte) int {
	n := len(`"":,`) + len(id) + len(meta)
	for i := range len(id) {
		if c := id[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x80 {
			n += 5 // U+2028 and U+2029 have three bytes and become six
		}
	}
	for _, c := range meta {
		if c == '<' || c == '>' || c == '&' || c == 0xe2 {
			n += 5
		}
	}
	return n
}

const (
	maxUser = 255
	// MaxMeta is the maximum size of a user's metadata.
	MaxMeta = 4 << 10
	// maxDelta is the size above which a delta is split into several messages.
	maxDelta = 64 << 10
)

// rowName returns the name of a node's row for a user.
func rowName(node, user string) string { return node + "." + cluster.Token(user) }

func parseRowName(row string) (node, user string, ok bool) {
	node, token, ok := strings.Cut(row, ".")
	if !ok {
		return "", "", false
	}
	user, ok = cluster.Part(token)
	return node, user, ok && user != "" && len(user) <= maxUser
}

func (v value) row() []byte { return append(binary.AppendUvarint(nil, v.stamp), v.meta...) }

func parseRow(row []byte) (v value, ok bool) {
	stamp, n := binary.Uvarint(row)
	if n <= 0 {
		return v, false
	}
	v = value{stamp, row[n:]}
	return v, v.sound()
}

// sound reports whether the data is valid.
func (v value) sound() bool {
	return len(v.meta) <= MaxMeta && json.Valid(v.meta) && utf8.Valid(v.meta)
}

// parseRows decodes a table, by node and id. It skips invalid rows.
func parseRows(rows map[string][]byte) map[string]map[string]value {
	said := map[string]map[string]value{}
	for row, text := range rows {
		node, id, ok := parseRowName(row)
		v, sound := parseRow(text)
		if !ok || !sound {
			continue
		}
		if said[node] == nil {
			said[node] = map[string]value{}
		}
		said[node][id] = v
	}
	return said
}

// delta is a node's message to the others: users who entered or changed, and users who left.
type delta struct {
	node    string
	version uint64 // one more than in the node's previous delta of the room
	here    map[string]value
	gone    []string
}

var errGarbage = errors.New("not a delta")

const (
	opGone byte = iota
	opHere
)

// appendDelta appends a delta of one user.
func appendDelta(b []byte, user string, v *value) []byte {
	if v == nil {
		return cluster.AppendString(append(b, opGone), user)
	}
	b = cluster.AppendString(append(b, opHere), user)
	b = binary.AppendUvarint(b, v.stamp)
	return cluster.AppendString(b, string(v.meta))
}

func parseDelta(node string, body []byte) (d delta, err error) {
	version, n := binary.Uvarint(body)
	if n <= 0 {
		return d, errGarbage
	}
	d = delta{node: node, version: version, here: map[string]value{}}
	for body = body[n:]; len(body) > 0; {
		op := body[0]
		var user string
		if user, body, err = cluster.CutString(body[1:], maxUser); err != nil || user == "" {
			return d, errGarbage
		}
		switch op {
		case opGone:
			d.gone = append(d.gone, user)
		case opHere:
			stamp, n := binary.Uvarint(body)
			if n <= 0 {
				return d, errGarbage
			}
			var meta string
			if meta, body, err = cluster.CutString(body[n:], MaxMeta); err != nil {
				return d, errGarbage
			}
			v := value{stamp, []byte(meta)}
			if !v.sound() {
				return d, errGarbage
			}
			d.here[user] = v
		default:
			return d, errGarbage
		}
	}
	return d, nil
}
