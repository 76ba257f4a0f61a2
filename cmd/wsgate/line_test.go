package main

import (
	"testing"

	"github.com/coder/websocket"
)

func TestLine(t *testing.T) {
	for _, tt := range []struct {
		kind       websocket.MessageType
		data, want string
	}{
		{websocket.MessageText, ``, ``},
		{websocket.MessageText, `{"a":"<ä>"}`, `{"a":"<ä>"}`},
		{websocket.MessageText, "a\tb", "a\tb"},
		{websocket.MessageText, "a\nb", `text:"a\nb"`},
		{websocket.MessageText, "\x1b[2J", `text:"\u001b[2J"`},
		{websocket.MessageText, "\u009b2J", `text:"\u009b2J"`},
		{websocket.MessageBinary, "", `binary:`},
		{websocket.MessageBinary, "\x00\xff", `binary:AP8=`},
	} {
		if got := line(tt.kind, []byte(tt.data)); got != tt.want {
			t.Errorf("%v %q: got %q, want %q", tt.kind, tt.data, got, tt.want)
		}
	}
}
