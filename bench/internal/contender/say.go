package contender

import (
	"encoding/json"
	"fmt"
)

// say is the message that every payload holds.
type say struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// reply decodes a message, looks what it is and encodes the answer: the work
// of a /json handler in a library that hands over bytes.
func reply(message []byte) ([]byte, error) {
	var m say
	if err := json.Unmarshal(message, &m); err != nil {
		return nil, err
	}
	if m.Type != "msg" {
		return nil, fmt.Errorf("unknown type %q", m.Type)
	}
	return json.Marshal(m)
}
