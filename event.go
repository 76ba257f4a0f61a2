package wsgate

import (
	"context"
	"fmt"
	"reflect"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// Event is the name of an event together with the type of its payload, in one constant:
//
//	const Say wsgate.Event[string] = "say"
//
// The code that sends the event and the code that handles it use the same constant. A name has 1 to 64 characters of
// any script, without control characters and line breaks. It is not "error" and does not begin with "$".
type Event[T any] string

// Emit encodes the event once and queues it for everybody in the target. It never blocks, unless the target is one of
// [Conn.Paced]. It returns an error if the payload cannot be encoded, if the name is not valid, if no envelope can
// hold the event, if the target's [Route].Sends does not list it, or if the target is a path that no route has. If that
// is so for one of the routes of a [Hub], nothing is sent to the others. If the target is a single connection, Emit
// returns what the connection's Send returns. It returns [ErrBroker] if only the connections on this node could be
// reached. If there are many receivers, it is not an error that some of them are gone or too slow.
func (e Event[T]) Emit(to Target, payload T) error {
	var body *envelope.Body // encoded once, for all envelopes
	defer func() { body.Free() }()
	var made []encoding // one per envelope
	return to.deliver(func(rt *route) (*frame.Message, error) {
		shape, err := rt.sendable(string(e), reflect.TypeFor[T]())
		if err != nil {
			return nil, err
		}
		for i := range made {
			if made[i].names == rt.names {
				return made[i].message, nil
			}
		}
		m, err := encode(rt, string(e), shape, payload, &body)
		if err == nil {
			made = append(made, encoding{rt.names, m})
		}
		return m, err
	})
}

// encode returns an event in the route's envelope. body is the payload's JSON, encoded if it is nil.
func encode[T any](rt *route, name string, shape inspect.Shape, payload T, body **envelope.Body) (m *frame.Message, err error) {
	if *body == nil {
		*body, err = envelope.NewBody(payload)
	}
	if err == nil {
		m, err = rt.names.Encode(name, nil, shape, (*body).JSON())
	}
	if err != nil {
		return nil, fmt.Errorf("wsgate: event %q: %w", name, err)
	}
	return m, nil
}

// encoding is an event encoded in one envelope.
type encoding struct {
	names   envelope.Names
	message *frame.Message
}

// Call is the name of a question that clients ask, with the types of the question and of its answer. The rules for
// names are those of [Event].
type Call[Q, A any] string

// Events is the table of what a gateway's clients may send, see [EventHandler].
type Events[D any] []Binding[D]

// Binding binds an event or a call to its handler. [On], [Answer] and [Track] return one.
type Binding[D any] struct {
	name    string
	pos     string
	payload reflect.Type
	answer  reflect.Type // nil for an event
	handle  func(ctx context.Context, c *Conn[D], p payload) (any, error)
	tracks  bool // made by Track
	atMost  *eventRate
	meta    func(c *Conn[D], room string) ([]byte, error)
}

// On binds an event to its handler fn. If the client sent the event with an id, it gets an answer without a payload
// when fn has returned nil.
//
// The payload is decoded by encoding/json. A number in an empty interface becomes a [encoding/json.Number], with all its
// digits. If the client has sent no payload, or null, fn gets nil if the payload's type has that, and otherwise the client
// gets [Invalid]. Only a struct or a map may be missing, and then has no fields.
//
// If the payload's type has a method Validate() error, with a value or a pointer receiver, it is called after the
// payload was decoded, before fn and inside all middleware. If it returns an error, fn is not called. An [*Error] is
// sent to the client, as if fn had returned it. For any other error the client gets [Invalid] and a message that the
// payload is not valid; the error's text is for middleware, and for the log at level Debug. Validate is called on the
// payload only: to validate what a payload holds, call it from there. It is not called on a nil pointer.
func On[D, T any](e Event[T], fn func(context.Context, *Conn[D], T) error) Binding[D] {
	b := Binding[D]{name: string(e), pos: tableEntry(), payload: reflect.TypeFor[T]()}
	if fn != nil { // nil is reported at start-up
		b.handle = func(ctx context.Context, c *Conn[D], p payload) (any, error) {
			var v T
			if err := p.decode(ctx, &v); err != nil {
				return nil, err
			}
			return nil, fn(ctx, c, v)
		}
	}
	return b
}

// Answer binds a call to fn, which answers it. If the client sent no id, nobody waits for the answer, and it is not
// sent. If the question has a Validate method, it is called first, see [On].
func Answer[D, Q, A any](q Call[Q, A], fn func(context.Context, *Conn[D], Q) (A, error)) Binding[D] {
	b := Binding[D]{name: string(q), pos: tableEntry(), payload: reflect.TypeFor[Q](), answer: reflect.TypeFor[A]()}
	if fn != nil {
		b.handle = func(ctx context.Context, c *Conn[D], p payload) (any, error) {
			var v Q
			if err := p.decode(ctx, &v); err != nil {
				return nil, err
			}
			return fn(ctx, c, v)
		}
	}
	return b
}

// tableEntry returns where a binding is made: the line in the gateway's table, followed by the lines of user functions
// through which it calls On, Answer or Track.
func tableEntry() string { return mistake.Callers(packagePath, 4) }

// binding is a Binding with D erased.
type binding struct {
	name        string
	pos         string
	payload     reflect.Type
	answer      reflect.Type
	decoder     *envelope.Decoder // of the payload
	answerShape inspect.Shape
	validates   bool // Validate is called before the handler
	handle      func(ctx context.Context, c AnyConn, p payload) (any, error)
	tracks      bool       // made by Track
	atMost      *eventRate // nil without AtMost
	meta        func(c AnyConn, room string) ([]byte, error)
	activity    activity
	index       int // in the route's results
}

func (e Events[D]) erase() []binding {
	erased := make([]binding, len(e))
	for i, b := range e {
		erased[i] = binding{
			name: b.name, pos: b.pos, payload: b.payload, answer: b.answer, tracks: b.tracks, atMost: b.atMost,
			activity: activity{HookEvent, b.name},
		}
		if b.meta != nil {
			erased[i].meta = func(c AnyConn, room string) ([]byte, error) { return b.meta(c.(*Conn[D]), room) }
		}
		if b.handle != nil {
			erased[i].handle = func(ctx context.Context, c AnyConn, p payload) (any, error) {
				return b.handle(ctx, c.(*Conn[D]), p)
			}
		}
	}
	return erased
}

// conn gives registration the table's D.
func (*Events[D]) conn() connType { return (*Conn[D])(nil) }
