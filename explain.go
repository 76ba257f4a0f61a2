package wsgate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wsgate/wsgate/internal/inspect"
)

// RouteInfo is what an App knows about one of its routes.
type RouteInfo struct {
	Path    string
	Gateway reflect.Type // what the constructor returns
	Pos     string       // file:line of the constructor
	Hooks   []string     // the hooks that were found: "OnOpen", "Events", ...
	Data    reflect.Type // D, the type of a connection's own data
	Events  []struct {   // what its clients may send, sorted by name
		Name    string
		Pos     string // file:line of its entry in the table, and of the functions through which that calls On or Answer
		Payload reflect.Type
		Answer  reflect.Type // nil for an event that is not a call
		AtMost  int          // how many a connection may send in the time Per, see [Binding.AtMost]; 0 without
		Per     time.Duration
	}
	Sends []struct { // what Route.Sends lists, sorted by name; nil for any event
		Name    string
		Payload reflect.Type
	}
	Presence     string       // the name of Track's event; "" without Track
	PresenceType reflect.Type // the payload of that event; nil without Track
	Middleware   []string     // the names of the listed functions, the outermost first
	Subprotocols []string
	Envelope     Envelope // with the defaults filled in; Data is "" in the flat form
	Limits       Limits   // with the defaults filled in
}

// Routes returns what the App found by reflection, in the order of the modules.
func (a *App) Routes() []RouteInfo {
	var infos []RouteInfo
	for _, r := range a.registry.routes {
		rt := a.hub.routes[r.Path]
		gateway := reflect.TypeOf(r.New).Out(0)
		info := RouteInfo{
			Path: r.Path, Gateway: gateway, Pos: inspect.FuncPos(r.New), Data: rt.data,
			Middleware:   append(funcNames(a.use), funcNames(r.Use)...),
			Subprotocols: slices.Clone(r.Subprotocols), Limits: rt.limits,
			Envelope: Envelope{Type: rt.names.Type, ID: rt.names.ID},
		}
		names := slices.Sorted(maps.Keys(rt.events))
		info.Events = slices.Grow(info.Events, len(names))[:len(names)]
		for i, name := range names {
			b, e := rt.events[name], &info.Events[i]
			e.Name, e.Pos, e.Payload, e.Answer = b.name, b.pos, b.payload, b.answer
			if b.atMost != nil {
				e.AtMost, e.Per = b.atMost.n, b.atMost.per
			}
		}
		if rt.sends != nil {
			names := slices.Sorted(maps.Keys(rt.sends))
			info.Sends = slices.Grow(info.Sends, len(names)+1)[:len(names)] // not nil
			for i, name := range names {
				e := &info.Sends[i]
				e.Name, e.Payload = name, rt.sends[name].payload
			}
		}
		if rt.tracks != nil {
			info.Presence, info.PresenceType = rt.tracks.event, rt.tracks.payload
		}
		if rt.names.Nested {
			info.Envelope.Data = rt.names.Data
		}
		for _, h := range inspect.Hooks(gateway) {
			info.Hooks = append(info.Hooks, h.Name)
		}
		infos = append(infos, info)
	}
	return infos
}

func funcNames(fns []any) (names []string) {
	for _, fn := range fns {
		names = append(names, inspect.FuncName(fn))
	}
	return names
}

// Explain writes the routes as a table for people: the gateway, its hooks, what its clients may send and, with
// [Route].Sends, what it sends. It lists limits that are not the default. While there are connections, the last line says
// how many, and how many of them have been quiet and wait without a goroutine.
//
//	/ws/chat/{room}  *chat.Chat  chat.go:41
//	    hooks  OnUpgrade, OnOpen, OnClose, Events
//	    data   chat.Member
//	    call   history  chat.Query -> []chat.Line  chat.go:60
//	    event  say      string                     chat.go:59
//	    sends  said     chat.Line
func (a *App) Explain(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.DiscardEmptyColumns)
	for i, info := range a.Routes() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		// Each route is a table of its own, so its columns are only as wide as it needs.
		fmt.Fprintf(out, "%s  %s  %s\n", info.Path, inspect.TypeName(info.Gateway), info.Pos)
		for _, line := range info.lines() {
			fmt.Fprintf(out, "    %s\n", line)
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	if open := a.count.Load(); open > 0 {
		fmt.Fprintf(out, "\n%d connections, %d of them parked\n", open, a.engine.Parked())
	}
	return out.Flush()
}

// lines returns the description of a route, with columns separated by tabs.
func (info *RouteInfo) lines() (lines []string) {
	add := func(label string, values ...string) {
		if len(values) > 0 {
			lines = append(lines, label+"\t"+strings.Join(values, ", "))
		}
	}
	add("hooks", info.Hooks...)
	add("data", inspect.TypeName(info.Data))
	for _, e := range info.Events {
		label, types := "event", inspect.TypeName(e.Payload)
		if e.Answer != nil {
			label, types = "call", types+" -> "+inspect.TypeName(e.Answer)
		}
		line := label + "\t" + e.Name + "\t" + types + "\t" + e.Pos
		if e.AtMost > 0 {
			line += fmt.Sprintf("\tat most %d in %v", e.AtMost, e.Per)
		}
		lines = append(lines, line)
	}
	for _, e := range info.Sends {
		lines = append(lines, "sends\t"+e.Name+"\t"+inspect.TypeName(e.Payload))
	}
	if info.Sends != nil && len(info.Sends) == 0 {
		add("sends", "nothing")
	}
	if info.Presence != "" {
		add("presence", info.Presence)
	}
	add("middleware", info.Middleware...)
	add("subprotocols", info.Subprotocols...)
	if e := info.Envelope; e != (Envelope{Type: "type", ID: "id"}) {
		add("envelope", fmt.Sprintf("type %q", e.Type), fmt.Sprintf("id %q", e.ID), fmt.Sprintf("data %q", e.Data))
	}
	add("limits", info.Limits.changed()...)
	return lines
}

// changed lists the limits that differ from the defaults.
func (l Limits) changed() (changed []string) {
	have, baseline := reflect.ValueOf(l), reflect.ValueOf(l.baseline())
	for i := range have.NumField() {
		if !have.Field(i).Equal(baseline.Field(i)) {
			changed = append(changed, fmt.Sprintf("%s %v", have.Type().Field(i).Name, have.Field(i)))
		}
	}
	return changed
}

// report logs the routes at debug level, the handlers that take upgrades of a host from a gateway, and a warning for every
// finding of audit.
func (a *App) report(ctx context.Context) {
	for _, warning := range a.audit() {
		a.log.WarnContext(ctx, "wsgate: audit: "+warning)
	}
	for _, t := range a.hostTakers() {
		a.log.InfoContext(ctx, "wsgate: a handler takes the upgrades of a host from a gateway", "host", t.host,
			"handler", t.handler.pattern, "pos", t.handler.where, "gateway", t.gateway.pattern)
	}
	if !a.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for _, info := range a.Routes() {
		var events, sends []string
		for _, e := range info.Events {
			events = append(events, e.Name)
		}
		for _, e := range info.Sends {
			sends = append(sends, e.Name)
		}
		a.log.DebugContext(ctx, "wsgate: route", "path", info.Path, "gateway", inspect.TypeName(info.Gateway), "pos", info.Pos,
			"hooks", info.Hooks, "data", inspect.TypeName(info.Data), "events", events, "sends", sends, "middleware", info.Middleware)
	}
}
