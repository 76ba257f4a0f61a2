package contract

import (
	"slices"
	"strings"
)

// route writes the interface of a route.
func (w *tsWriter) route(r *route) {
	g := r.Gate
	w.comment("The gateway at " + g.Path + ".")
	if g.Raw {
		w.line("// Its messages are the application's own: there are no events.")
	}
	w.block("export interface "+tsName(r.key)+" ", "", func() {
		w.line("path: " + tsString(g.Path) + ";")
		var params []string
		for _, name := range wildcards(g.Path) {
			params = append(params, tsKey(name)+": string")
		}
		w.line("params: " + braces(params) + ";")
		w.line("envelope: { type: " + tsString(g.Envelope.Type) + "; id: " + tsString(g.Envelope.ID) + "; data: " + tsString(g.Envelope.Data) + " };")
		protocols := []string{}
		for _, name := range g.Subprotocols {
			protocols = append(protocols, tsString(name))
		}
		if len(protocols) == 0 {
			protocols = append(protocols, "never")
		}
		w.line("subprotocols: " + strings.Join(protocols, " | ") + ";")
		w.emits(r)
		w.sends(r)
	})
}

func braces(fields []string) string {
	if len(fields) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(fields, "; ") + " }"
}

// emits writes what clients send.
func (w *tsWriter) emits(r *route) {
	w.comment("What clients send.")
	w.block("emit: ", ";", func() {
		for _, e := range r.emits {
			if !e.call {
				w.line(tsKey(e.name) + ": " + w.incoming(r, e) + ";")
			}
		}
	})
	w.comment("What clients ask: an answer with a payload.")
	w.block("calls: ", ";", func() {
		for _, e := range r.emits {
			if e.call {
				w.line(tsKey(e.name) + ": { payload: " + w.incoming(r, e) + "; answer: " + w.payload("the answer to "+e.name, e.answer.payload) + " };")
			}
		}
	})
}

// sends writes what the server sends.
func (w *tsWriter) sends(r *route) {
	w.comment("What the server sends.")
	if len(r.sends) == 0 && (r.Gate.SendsAny || r.Gate.Raw) {
		w.line("on: { [event: string]: unknown };")
		return
	}
	w.block("on: ", ";", func() {
		for _, e := range r.sends {
			w.line(tsKey(e.name) + ": " + w.payload("the payload of "+e.name, e.payload) + ";")
		}
		if r.Gate.SendsAny {
			w.line("[event: string]: unknown;")
		}
	})
}

// payload returns the type of a payload.
func (w *tsWriter) payload(what string, s *schema) string {
	if s == nil {
		return "void"
	}
	if s.Ref == "" && hasInt64(s) {
		w.rounded = append(w.rounded, oneLine(what))
	}
	return w.typ(s)
}

// incoming returns the type of a payload that clients send. In the flat form a client puts an object under "data" if it has a
// key of the envelope. If such a key may be left out, the client could not tell where an object without it belongs; so the
// first of them has to be there, and may be null, which is the same to the server.
func (w *tsWriter) incoming(r *route, e routeEvent) string {
	text := w.payload("the payload of "+e.name, e.payload)
	if e.payload == nil || e.form != formUnder || r.Gate.Envelope.Data != "" {
		return text
	}
	object := w.doc.resolve(e.payload.withoutNull())
	var own []property
	for _, p := range object.Properties {
		if !isEnvelopeKey(r.Gate.Envelope, p.name) {
			continue
		}
		if slices.Contains(object.Required, p.name) {
			return text
		}
		own = append(own, p)
	}
	if len(own) == 0 {
		return text
	}
	key, value := own[0].name, tsUnion([]string{w.typ(own[0].schema), "null"})
	if value == "unknown" {
		value = "{} | null" // anything but undefined, which JSON leaves out
	}
	text = "Omit<" + w.typ(e.payload.withoutNull()) + ", " + tsString(key) + "> & { " + tsKey(key) + ": " + value + " }"
	if e.payload.withoutNull() != e.payload {
		text = "(" + text + ") | null"
	}
	return text
}

// isEnvelopeKey reports whether a field has the name of one of the keys of a flat envelope, in any case.
func isEnvelopeKey(e envelope, name string) bool {
	return slices.ContainsFunc([]string{e.Type, e.ID, "data"}, func(key string) bool { return strings.EqualFold(key, name) })
}
