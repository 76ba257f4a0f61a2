package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/coder/websocket"
)

// line returns a message as one line: text as it is, and marked what is not fit for that. Binary data follows
// "binary:" as base64. Text with line breaks, or other characters that a terminal would obey, follows "text:" as a JSON
// string.
func line(kind websocket.MessageType, data []byte) string {
	if kind == websocket.MessageBinary {
		return "binary:" + base64.StdEncoding.EncodeToString(data)
	}
	text := string(data)
	if !strings.ContainsFunc(text, obeyed) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be marshalled
	}
	return "text:" + escape(quoted)
}

// escape returns JSON that is on one line, without characters that a terminal would obey: those that JSON lets stand in
// strings.
func escape(text []byte) string {
	var escaped strings.Builder
	for _, r := range string(text) {
		if unicode.IsControl(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}
	return escaped.String()
}

func obeyed(r rune) bool { return unicode.IsControl(r) && r != '\t' }
