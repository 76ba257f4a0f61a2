package fuzz

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"
	"unicode/utf8"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/wstest"
)

// isLine is written differently from the library's own, on purpose.
func isLine(s string) bool {
	return !regexp.MustCompile(`\p{Cc}|\p{Zl}|\p{Zp}`).MatchString(s) && utf8.ValidString(s)
}

// table is a gateway with one event.
type table struct{ name string }

func (g *table) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.Answer(wsgate.Call[string, string](g.name), func(_ context.Context, _ *conn, s string) (string, error) { return s, nil })}
}

// FuzzEventName: New takes exactly the names that are documented, and one that it takes works on the wire.
func FuzzEventName(f *testing.F) {
	for _, seed := range []string{"say", "error", "Error", "", "$say", "a$", " ", "a b", "ä", "😀", "\x00", "a\n", "\xff", "\u200b", "\u00ad", "\u2028", "\u0085", strings.Repeat("x", 64), strings.Repeat("😀", 65), `"`, `\`, "</script>", "__proto__"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := utf8.RuneCountInString(name)
		want := n >= 1 && n <= 64 && name != "error" && !strings.HasPrefix(name, "$") && isLine(name)
		module := &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *table { return &table{name} }}}}
		app, err := wsgate.New(module, nil)
		if (err == nil) != want {
			t.Fatalf("%+q: New returned %v", name, err)
		}
		if app != nil {
			app.Shutdown(t.Context())
			synctest.Test(t, func(t *testing.T) {
				client := wstest.New(t, module).Dial("/")
				if got := wstest.Ask(client, wsgate.Call[string, string](name), name); got != name {
					t.Errorf("%+q: got %+q", name, got)
				}
			})
		}
	})
}

// joiner joins the room that it is told.
type joiner struct{}

func (joiner) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.Answer("join", func(_ context.Context, c *conn, room string) ([]string, error) {
		if err := c.Join(room); err != nil {
			return nil, err
		}
		return c.Rooms(), nil
	})}
}

// FuzzRoomName: Join takes exactly the names that are documented, and two rooms with different names are different.
func FuzzRoomName(f *testing.F) {
	for _, seed := range []string{"go", "", ">", "*", "a.*", "a..b", "a/b", "../../etc", " ", "a\r\nPUB x", "\x00", "\xff", "😀", "é", "e\u0301", "\u200c", "\u2029", "\u0085", strings.Repeat("x", 255), strings.Repeat("x", 256)} {
		f.Add(seed, "other")
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		if !utf8.ValidString(name) {
			return // JSON cannot carry it
		}
		synctest.Test(t, func(t *testing.T) {
			app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() joiner { return joiner{} }}}})
			client := app.Dial("/")
			rooms, err := wstest.TryAsk(client, wsgate.Call[string, []string]("join"), name)
			if want := len(name) >= 1 && len(name) <= 255 && isLine(name); (err == nil) != want {
				t.Fatalf("%+q: Join returned %v", name, err)
			}
			if err != nil {
				return
			}
			if !slices.Equal(rooms, []string{name}) || app.Hub().At("/").Room(name).Len() != 1 {
				t.Errorf("%+q: got rooms %+q", name, rooms)
			}
			if other != name && app.Hub().At("/").Room(other).Len() != 0 {
				t.Errorf("who joined %+q is in %+q", name, other)
			}
		})
	})
}

// FuzzSubprotocols: whatever a client offers, what is agreed upon is one of ours and was offered.
func FuzzSubprotocols(f *testing.F) {
	for _, seed := range []string{"", "chat.v1", "chat.v2, chat.v1", "CHAT.V1", "a,,b", ",", "chat.v1;q=1", "chat v1", "\xff", strings.Repeat("a,", 1000)} {
		f.Add(seed)
	}
	own := []string{"chat.v2", "chat.v1"}
	g := &echo{}
	app := newApp(f, wsgate.Route{New: func() *echo { return g }, Subprotocols: own}, wsgate.Limits{})
	f.Fuzz(func(t *testing.T, offer string) {
		c, resp, err := memory.DialRaw(app, "/", http.Header{"Sec-Websocket-Protocol": {offer}})
		if err != nil {
			want := http.StatusBadRequest
			if strings.Count(offer, ",")+strings.Count(offer, ";") > 61 { // two more are Connection and Upgrade
				want = http.StatusRequestHeaderFieldsTooLarge
			}
			if resp == nil || resp.StatusCode != want {
				t.Fatalf("%+q: %v, %v, want status %d", offer, resp, err, want)
			}
			return
		}
		defer awaitBalance(t, g)
		defer c.Close()
		agreed := resp.Header.Get("Sec-WebSocket-Protocol")
		offered := strings.FieldsFunc(offer, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
		if len(offered) == 0 && agreed == "" {
			return // a list without elements is none
		}
		if !slices.Contains(own, agreed) || !slices.Contains(offered, agreed) {
			t.Errorf("%+q: agreed upon %+q", offer, agreed)
		}
	})
}

// FuzzMessage: whatever text a client sends to a gateway of events, it is answered once with JSON and nobody panics.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{`{"type":"say","id":1,"data":"x"}`, `{"type":"say","data":7}`, `{}`, `[]`, `null`, ``, `{"type":"say","type":"say"}`, `{"TYPE":"say"}`, `{"type":"say","id":{}}`, strings.Repeat("[", 100), `{"type":"\u0073ay","id":"\ud800"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			client := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *table { return &table{"say"} }}}}).Dial("/")
			client.Send(wsgate.Text(text))
			client.Send(wsgate.Text(`{"type":"say","id":"fence","data":"x"}`))
			var before int
			for {
				var answer struct {
					Type string `json:"type"`
					ID   any    `json:"id"`
					Code string `json:"code"`
				}
				m := client.Next()
				if err := json.Unmarshal(m.Data, &answer); err != nil {
					t.Fatalf("%+q: got %s: %v", text, m.Data, err)
				}
				if answer.Code == "internal" {
					t.Fatalf("%+q: got %s", text, m.Data)
				}
				if answer.ID == "fence" && answer.Type == "say" {
					break
				}
				before++
			}
			if before > 1 {
				t.Errorf("%+q: %d answers", text, before)
			}
		})
	})
}
