package wsgate_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

func newShadowed() *fine { return &fine{} } // shadowed

// A handler that takes a gateway's upgrades, since http.ServeMux prefers a pattern with a method, is a mistake. One on a
// more specific path, on a host or for another method is what somebody wanted: it leaves upgrades to the gateway.
func TestHandleThatShadowsAGateway(t *testing.T) {
	module := func() *wsgate.Module {
		var m wsgate.Module
		for _, path := range []string{"/ws", "/rooms/{room}", "/tree/", "/exact/{$}", "/rest/{all...}", "/caf%C3%A9/{x}", "chat.example.com/own"} {
			m.Gateways = append(m.Gateways, wsgate.Route{Path: path, New: newShadowed})
		}
		return &m
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page") })
	for pattern, gateway := range map[string]string{
		"GET /ws":                  "/ws",
		"GET /rooms/{x}":           "/rooms/{room}",
		"GET /tree/":               "/tree/",
		"GET /tree/{all...}":       "/tree/",
		"GET /exact/{$}":           "/exact/{$}",
		"GET /rest/":               "/rest/{all...}",
		"GET /caf%C3%A9/{y}":       "/caf%C3%A9/{x}",
		"GET chat.example.com/own": "chat.example.com/own",
	} {
		app := kit.NewAppOf(t, nil, module())
		err := app.Handle(pattern, page) // hides
		kit.CheckText(t, kit.WellFormed(t, err), fmt.Sprintf("App.Handle of pattern %q takes every upgrade from the gateway at %q", pattern, gateway), kit.At("hides"), kit.At("shadowed"))
		kit.Dial(t, app, strings.NewReplacer("{room}", "x", "{$}", "", "{all...}", "x", "{x}", "x", "chat.example.com", "ws://chat.example.com").Replace(gateway))
	}

	app := kit.NewAppOf(t, nil, module())
	for _, pattern := range []string{
		"POST /ws", "HEAD /ws", "DELETE /ws", "/rooms/special", "GET /rooms/other", "GET /rooms/{x}/log", "GET /tree/{$}", "/tree/page",
		"GET other.example.com/ws", "other.example.com/rooms/{x}", "POST chat.example.com/own", "GET /own",
	} {
		if err := app.Handle(pattern, page); err != nil {
			t.Error(err)
		}
	}
	for _, target := range []string{"/ws", "/rooms/x", "/tree/x", "/exact/", "/rest/x", "ws://chat.example.com/own", "ws://chat.example.com/ws"} {
		kit.Dial(t, app, target)
	}
	for _, target := range []string{"/rooms/special", "/rooms/other", "ws://other.example.com/ws"} {
		if resp := kit.DialRefused(t, app, target, nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got status %d, want the page", target, resp.StatusCode)
		}
	}
}

// A pattern that conflicts with another names the place of that, a gateway's or a handler's.
func TestHandleConflictNamesBothPlaces(t *testing.T) {
	app := kit.NewAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: newShadowed}}})
	page := http.NotFoundHandler()
	if err := app.Handle("/page/{a}/x", page); err != nil { // first
		t.Fatal(err)
	}
	for pattern, where := range map[string]string{"/ws": "shadowed", "GET /{x}": "shadowed", "/page/{b}/x": "first", "/page/x/{a}": "first"} {
		err := app.Handle(pattern, page) // second
		kit.CheckText(t, kit.WellFormed(t, err), fmt.Sprintf("%q", pattern), kit.At("second"), kit.At(where))
	}
}

// Start tells of handlers on a host, in front of gateways on every host: http.ServeMux prefers them, whatever their path.
func TestHandlersOfAHostAreLogged(t *testing.T) {
	var log bytes.Buffer
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: newShadowed}, {Path: "chat.example.com/own", New: newShadowed}}},
		&wsgate.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"www.example.com/", "POST api.example.com/ws", "pages.example.com/page"} {
		err := app.Handle(pattern, http.NotFoundHandler()) // mounts
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer app.Shutdown(t.Context())
	want := `level=INFO msg="wsgate: a handler takes the upgrades of a host from a gateway" host=www.example.com handler=www.example.com/ pos=` + kit.At("mounts") + " gateway=/ws"
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("logged %s\nwant %s", &log, want)
	}
}
