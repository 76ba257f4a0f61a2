package wsgate

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/text"
)

// payload is an event's payload before decoding.
type payload struct {
	conn    *conn
	binding *binding
	in      envelope.Inbound
}

// decode decodes the payload into v, and calls its Validate method if it has one.
func (p payload) decode(ctx context.Context, v any) error {
	if err := p.binding.decoder.Decode(&p.in, v); err != nil {
		return p.mismatch(err)
	}
	if p.binding.validates {
		if err := validate(v); err != nil {
			return p.notValid(ctx, err)
		}
	}
	return nil
}

// mismatch returns the client's error for a payload that does not decode.
func (p payload) mismatch(err error) *Error {
	names := &p.conn.route.names
	what := "the payload of " + p.binding.name
	switch {
	case errors.Is(err, envelope.ErrMissing):
		return Errorf(Invalid, "%s is missing", what)
	case errors.Is(err, envelope.ErrNested):
		return Errorf(Invalid, "%s stands beside %q, not under %q", what, names.Type, names.Data)
	case errors.Is(err, envelope.ErrOwnKey):
		return Errorf(Invalid, "%s must not have the keys %q, %q and %q", what, names.Type, names.ID, names.Data)
	case errors.Is(err, envelope.ErrFlat):
		return Errorf(Invalid, "%s stands under %q, not beside %q", what, names.Data, names.Type)
	}
	var wrong *inspect.Mismatch
	if !errors.As(err, &wrong) {
		return Errorf(Invalid, "%s does not decode", what)
	}
	if own, ok := asClientError(wrong.Err); ok { // from the type's own UnmarshalJSON
		return own
	}
	if wrong.Path != "" {
		what = wrong.Path
	}
	return Errorf(Invalid, "%s %s", what, wrong.Problem)
}

// checkPayload returns a mistake for a payload type that has no JSON form, whose JSON would lose its contents, or whose
// JSON depends on the release of Go.
func checkPayload(event string, t reflect.Type, pos string) error {
	wrong := inspect.Unfit(t)
	if wrong == nil {
		return nil
	}
	wrong.What = fmt.Sprintf("event %q: the JSON of payload %s %s", event, inspect.TypeName(t), wrong.What)
	wrong.Where = pos
	wrong.Have = mistake.Type(wrong.Have)
	return wrong
}

// sendable checks a sent event as registration checks a handled one. It caches the result per payload type. If the
// route has a list of what it sends, that was checked before, and the event has to be in it.
func (rt *route) sendable(name string, t reflect.Type) (inspect.Shape, error) {
	if listed, ok := rt.sends[name]; ok && listed.payload == t {
		return listed.shape, nil
	}
	if wrong := text.WrongEventName(name); wrong != "" {
		return 0, &mistake.Mistake{What: fmt.Sprintf("event %q: %s", name, wrong)}
	}
	if rt.sends != nil {
		return 0, rt.unlisted(outgoing{name, t})
	}
	if shape, ok := rt.sent.Load(t); ok {
		return shape.(inspect.Shape), nil
	}
	if err := checkPayload(name, t, ""); err != nil {
		return 0, err
	}
	shape := rt.names.ShapeOf(t)
	rt.sent.Store(t, shape)
	return shape, nil
}
