package docs_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// What the page says of keys, values and ids, told by what comes back.
func TestMessages(t *testing.T) {
	app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/flat", New: func() *chat { return new(chat) }},
		{Path: "/nested", New: func() *chat { return new(chat) }, Envelope: wsgate.Envelope{Type: "event", Data: "data"}},
		{Path: "/push", New: newPicky},
	}})
	const malformed = `"code":"malformed"`
	for _, tt := range []struct{ path, send, want string }{
		{"/flat", ` {"id" : 1.0 , "text":"x","from":"y", "type":"echo" } `, `{"type":"echo","id":1.0,"from":"y","text":"x"}`},
		{"/flat", `{"type":"echo","id":"a\u0062","unknown":{"x":[1]}}`, `{"type":"echo","id":"a\u0062","from":"","text":""}`},
		{"/flat", `{"type":"echo","id":-0,"data":{"text":"not here"}}`, `{"type":"error","id":-0,"code":"invalid","message":"the payload of echo stands beside \"type\", not under \"data\""}`},
		{"/flat", `{"type":"move","id":7,"data":{"id":3,"title":"x"}}`, `{"type":"move","id":7,"data":{"id":3,"title":"x"}}`},
		{"/flat", `{"type":"move","id":7,"data":{"id":null,"title":"x"}}`, `{"type":"move","id":7,"data":{"id":0,"title":"x"}}`},
		{"/flat", `{"type":"move","id":7,"title":"x"}`, `{"type":"error","id":7,"code":"invalid","message":"the payload of move stands under \"data\", not beside \"type\""}`},
		{"/flat", `{"type":"echo","id":7,"data":{"id":3,"text":"x"}}`, `{"type":"echo","id":7,"from":"","text":"x"}`},
		{"/flat", `{"type":"say","id":1,"data":""}`, `{"type":"error","id":1,"code":"invalid","message":"say something"}`},
		{"/flat", `{"type":"say","id":1}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of say is missing"}`},
		{"/flat", `{"type":"say","id":1,"data":null}`, `{"type":"error","id":1,"code":"invalid","message":"the payload of say is null, want a string"}`},
		{"/flat", `{"Type":"echo","type":"echo"}`, malformed},
		{"/flat", `{"type":"echo","id":null}`, malformed},
		{"/flat", `{"type":"echo","id":"` + strings.Repeat("x", 63) + `"}`, malformed},
		{"/flat", `{"type":"echo","id":"` + strings.Repeat("x", 62) + `"}`, `{"type":"echo","id":"` + strings.Repeat("x", 62) + `","from":"","text":""}`},
		{"/flat", `{"type":"echo","id":1,"more":{"x":1,"x":2}}`, malformed},
		{"/flat", `{"type":"echo","id":1,"deep":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, malformed},
		{"/flat", `{"type":"echo","id":1,"deep":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"type":"echo","id":1,"from":"","text":""}`},
		{"/flat", `{"type":"$own","id":2}`, `{"type":"error","id":2,"code":"unknown_event","message":"unknown event \"$own\""}`},
		{"/flat", `[]`, malformed},
		{"/nested", `{"event":"echo","id":1,"data":{"text":"x"}}`, `{"event":"echo","id":1,"data":{"from":"","text":"x"}}`},
		{"/nested", `{"event":"echo","id":1,"text":"x"}`, `{"event":"error","id":1,"data":{"code":"invalid","message":"the payload of echo stands under \"data\", not beside \"event\""}}`},
		{"/nested", `{"event":"echo","id":1,"trace":"x"}`, `{"event":"echo","id":1,"data":{"from":"","text":""}}`},
		{"/nested", `{"event":"say","id":1}`, `{"event":"error","id":1,"data":{"code":"invalid","message":"the payload of say is missing"}}`},
		{"/nested", `{"event":"echo","id":1,"data":null}`, `{"event":"error","id":1,"data":{"code":"invalid","message":"the payload of echo is null, want an object"}}`},
		{"/push", `{"type":"anything","id":3}`, `{"type":"error","id":3,"code":"unsupported","message":"this gateway takes no messages"}`},
	} {
		c := app.Dial(tt.path)
		c.Send(wsgate.Text(tt.send))
		if got := c.NextText(); got != tt.want && (tt.want != malformed || !strings.Contains(got, malformed)) {
			t.Errorf("%s\ngot  %s\nwant %s", tt.send, got, tt.want)
		}
	}
	c := app.Dial("/flat")
	c.Send(wsgate.Binary([]byte("{}")))
	wstest.ExpectError(c, wsgate.Unsupported)
}

// Every message that the page shows as an example is JSON.
func TestMessagesAreJSON(t *testing.T) {
	arrow := regexp.MustCompile(`^(?:[→←] )?(\{.*\})(?: .*)?$`)
	for _, b := range fenced(t, protocolPage, "text") {
		for line := range strings.Lines(b.code) {
			m := arrow.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if m != nil && !json.Valid([]byte(m[1])) {
				t.Errorf("%s:%d: not JSON: %s", b.page, b.line, m[1])
			}
		}
	}
}
