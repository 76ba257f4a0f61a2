package wsgate_test

import (
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// What can be found before a constructor runs is told at once.
func TestAllMistakesAtOnce(t *testing.T) {
	root := &wsgate.Module{
		Name:    "root",
		Provide: []any{mustNotRun[disk](t), newHub, "text", newCache, newOtherCache},
		Private: []any{newReaderOf},
		Imports: []*wsgate.Module{nil},
		Gateways: []wsgate.Route{
			{Path: "/a", New: func() *openNoContext { t.Error("a constructor ran"); return nil }},
			{Path: "/a", New: newFine},
			{Path: "b", New: newFine},
			{Path: "/c/{x}", New: newHookless, Limits: &wsgate.Limits{Rooms: -1}},
			{Path: "/c/{y}", New: newBoth},
			{Path: "/d", New: func() *closeNoCause { return nil }},
			{Path: "/e", New: newWithMany},
		},
	}
	text := kit.Refused(t, root, &wsgate.Options{Origins: []string{"[", "ok.example"}, Limits: wsgate.Limits{Message: -1, Ping: -1}})
	kit.CheckText(t, text,
		"imports nil", "newHub", "have string", "newOtherCache", "newReaderOf", "openNoContext.OnOpen", `"/a" is registered twice`, `"b"`,
		"hookless has no hook", `"/c/{x}"`, `"/c/{y}"`, "Limits.Rooms", "Limits.Message", "Limits.Ping", "both OnMessage and Events", "closeNoCause.OnClose",
		"newWithMany needs wsgate_test.reader", `"["`)
	if n := kit.CountMistakes(text); n != 17 {
		t.Errorf("%d mistakes, want 17:\n%s", n, text)
	}
}
