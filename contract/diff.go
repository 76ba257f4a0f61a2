package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsgate/wsgate"
)

// Change is one difference between two contracts.
type Change struct {
	Breaking bool   // clients of the old contract may fail with a server that has the new one
	Where    string // as `/ws/chat: event "say"`
	What     string
}

func (c Change) String() string { return c.Where + ": " + c.What }

// Diff compares the contract that clients have with that of a new server: what breaks these clients comes first. What a client
// may send has to stay allowed, and what a server sends has to be what it sent before. Clients ignore events and fields that they
// do not know, and so more of them break nothing.
func Diff(old, new *Document) []Change {
	d := &differ{old: old.doc, new: new.doc}
	after := map[string]*route{}
	for _, r := range new.doc.routes() {
		after[r.Gate.Path] = r
	}
	for _, r := range old.doc.routes() {
		d.where = r.Gate.Path
		if now := after[r.Gate.Path]; now == nil {
			d.breaks("the route is gone")
		} else {
			d.route(r, now)
		}
		delete(after, r.Gate.Path)
	}
	for _, path := range sortedKeys(after) {
		d.where = path
		d.harmless("the route is new")
	}
	slices.SortStableFunc(d.changes, func(a, b Change) int {
		switch {
		case a.Breaking == b.Breaking:
			return 0
		case a.Breaking:
			return -1
		}
		return 1
	})
	return d.changes
}

// differ collects the changes between two documents.
type differ struct {
	old, new *document
	where    string
	changes  []Change
}

func (d *differ) breaks(format string, args ...any) {
	d.changes = append(d.changes, Change{true, oneLine(d.where), oneLine(fmt.Sprintf(format, args...))})
}

func (d *differ) harmless(format string, args ...any) {
	d.changes = append(d.changes, Change{false, oneLine(d.where), oneLine(fmt.Sprintf(format, args...))})
}

func (d *differ) route(old, now *route) {
	a, b := old.Gate, now.Gate
	if a.Envelope != b.Envelope {
		d.breaks("the envelope was %s, is %s", a.Envelope, b.Envelope)
	}
	if a.Raw != b.Raw {
		d.breaks("messages %s", map[bool]string{true: "have no envelope any more", false: "have an envelope now"}[b.Raw])
	}
	for _, name := range a.Subprotocols {
		if !slices.Contains(b.Subprotocols, name) {
			d.breaks("subprotocol %q is gone", name)
		}
	}
	for _, name := range b.Subprotocols {
		if !slices.Contains(a.Subprotocols, name) {
			d.harmless("subprotocol %q is new", name)
		}
	}
	if a.Presence != b.Presence {
		d.harmless("presence was told by %q, is by %q", a.Presence, b.Presence) // that the event is gone is a change of its own
	}
	d.session(a.Session, b.Session)
	d.limits(a.Limits, b.Limits)
	d.emits(old, now)
	d.sends(old, now)
}

// session reports what is different for clients whose sessions end.
func (d *differ) session(old, now *session) {
	switch {
	case old == nil && now == nil:
	case old == nil:
		d.breaks("sessions end now, with close code %d", wsgate.StatusExpired)
	case now == nil:
		d.harmless("sessions do not end any more")
	case old.Refreshes && !now.Refreshes:
		d.breaks("a client cannot renew its session any more")
	case !old.Refreshes && now.Refreshes:
		d.harmless("a client can renew its session")
	case *old != *now:
		d.harmless("sessions are renewed at other times")
	}
}

func (e envelope) String() string {
	return fmt.Sprintf("type %q, id %q, data %q", e.Type, e.ID, e.Data)
}

// limits reports what is allowed less than before.
func (d *differ) limits(old, now limits) {
	for _, l := range []struct {
		name     string
		old, now int
	}{
		{"bytes in a message", old.Message, now.Message},
		{"bytes of a message on the wire", old.MessageWire, now.MessageWire},
		{"frames in a message", old.MessageFrames, now.MessageFrames},
		{"milliseconds for a message", int(old.MessageTime), int(now.MessageTime)},
		{"malformed messages in a row", old.Malformed, now.Malformed},
		{"control frames in a second", old.ControlRate, now.ControlRate},
		{"messages in a second", old.Rate, now.Rate},
		{"messages at once", old.Burst, now.Burst},
	} {
		if l.now < l.old {
			d.breaks("a client may send %d %s, not %d any more", l.now, l.name, l.old)
		} else if l.now > l.old {
			d.harmless("a client may send %d %s, not %d only", l.now, l.name, l.old)
		}
	}
	old.Message, old.MessageWire, old.MessageFrames, old.MessageTime, old.Malformed = now.Message, now.MessageWire, now.MessageFrames,
		now.MessageTime, now.Malformed
	old.ControlRate, old.Rate, old.Burst = now.ControlRate, now.Rate, now.Burst
	if old != now {
		d.harmless("other limits are new")
	}
}

// find returns the event of that name, nil if there is none.
func find(events []routeEvent, name string) *routeEvent {
	for i := range events {
		if events[i].name == name {
			return &events[i]
		}
	}
	return nil
}

// emits compares what clients send, and what they are answered.
func (d *differ) emits(old, now *route) {
	kind := map[bool]string{true: "call", false: "event"}
	for _, e := range old.emits {
		d.where = fmt.Sprintf("%s: %s %q", old.Gate.Path, kind[e.call], e.name)
		after := find(now.emits, e.name)
		switch {
		case after == nil:
			d.breaks("clients cannot send it any more")
			continue
		case e.call && !after.call:
			d.breaks("is an event now, which has no answer of its own")
		case !e.call && after.call:
			d.harmless("is a call now, which has an answer of its own")
		case e.call:
			d.payload("its answer", e.answer.payload, after.answer.payload, e.answer.form, after.answer.form, out)
		}
		d.payload("its payload", e.payload, after.payload, e.form, after.form, in)
	}
	for _, e := range now.emits {
		if find(old.emits, e.name) == nil {
			d.where = fmt.Sprintf("%s: %s %q", old.Gate.Path, kind[e.call], e.name)
			d.harmless("clients can send it now")
		}
	}
}

// sends compares what the server sends.
func (d *differ) sends(old, now *route) {
	d.where = old.Gate.Path
	if !old.Gate.SendsAny && now.Gate.SendsAny {
		d.breaks("the route does not say any more what it sends: its Sends is nil")
	} else if old.Gate.SendsAny && !now.Gate.SendsAny {
		d.harmless("the route says what it sends; whether clients know other events cannot be told")
	}
	for _, e := range old.sends {
		d.where = fmt.Sprintf("%s: sent event %q", old.Gate.Path, e.name)
		if after := find(now.sends, e.name); after != nil {
			d.payload("its payload", e.payload, after.payload, e.form, after.form, out)
		} else if !now.Gate.SendsAny {
			d.breaks("is not sent any more")
		}
	}
	for _, e := range now.sends {
		if find(old.sends, e.name) == nil {
			d.where = fmt.Sprintf("%s: sent event %q", old.Gate.Path, e.name)
			d.harmless("is new")
		}
	}
}

// payload compares a payload, in the direction in which it goes.
func (d *differ) payload(what string, old, now *schema, from, to form, dir direction) {
	switch {
	case old == nil && now == nil:
		return
	case old == nil && dir == in:
		if d.new.resolve(now).accepts("object") && len(d.new.resolve(now).Required) == 0 && to == formBeside {
			d.harmless("may have a payload now")
		} else {
			d.breaks("has to have a payload now, which clients do not send")
		}
		return
	case old == nil:
		d.harmless("has a payload now")
		return
	case now == nil && dir == in:
		d.harmless("its payload is ignored now")
		return
	case now == nil:
		d.breaks("%s is gone", what)
		return
	}
	if from != to {
		d.breaks("%s stands %s now, stood %s: its fields have one of the envelope's keys, or had", what, to.words(), from.words())
	}
	c := &comparison{differ: d, dir: dir, seen: map[[2]*schema]bool{}}
	c.compare(what, old, now)
}

func (f form) words() string {
	if f == formUnder {
		return `under "data"`
	}
	return `beside "type"`
}

// fieldPath returns the path of what is in a place of the payload. The payload itself has words instead of a path.
func fieldPath(what, name string) string {
	if strings.HasPrefix(what, "its ") {
		return name
	}
	return what + "." + name
}
