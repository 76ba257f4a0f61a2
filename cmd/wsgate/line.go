package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/coder/websocket"
)

// line formats a message as one line. Plain text is unchanged. Binary data is base64 after "binary:". Text with line
// breaks or terminal control characters is a JSON string after "text:".
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

// escape returns one-line JSON with the control characters escaped that JSON allows in strings.
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
