package wsgate

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// validator is a payload that is asked before its handler. The method may have a pointer as its receiver.
type validator interface{ Validate() error }

var validatorType = reflect.TypeFor[validator]()

// checkValidate reports whether payloads of type t are asked, or returns a mistake for a method that was meant for that
// and would never be called.
func checkValidate(event string, t reflect.Type, pos string) (validates bool, wrong error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	t = reflect.PointerTo(t)
	method, ok := t.MethodByName("Validate") // a name that is constant, so that the linker knows what is needed
	if !ok || t.Implements(validatorType) {
		return ok, nil
	}
	return false, &mistake.Mistake{
		What:  fmt.Sprintf("event %q: payload %s has a Validate that is never called", event, inspect.TypeName(t.Elem())),
		Where: pos,
		Have:  "func (" + inspect.TypeName(t) + ") Validate" + methodSignature(t, method),
		Want:  "func (" + inspect.TypeName(t) + ") Validate() error",
		Fix:   "change it, or give it another name if it is not for this; of a type that is not yours, make one of your own: type Payload " + inspect.TypeName(t.Elem()),
	}
}

// validate asks the payload that v points to. A pointer that is nil has nobody to ask.
func validate(v any) error {
	p := reflect.ValueOf(v)
	for p.Elem().Kind() == reflect.Pointer {
		if p = p.Elem(); p.IsNil() {
			return nil
		}
	}
	return p.Interface().(validator).Validate()
}

// notValid returns what becomes of an error of the payload's Validate. One that says itself what the client gets stays as
// it is. Of any other the client hears no more than that; middleware gets it, and the log.
func (p payload) notValid(ctx context.Context, err error) error {
	if _, ok := asCloseError(err); ok {
		return err
	}
	if _, ok := asClientError(err); ok {
		return err
	}
	c, event := p.conn, p.binding.name
	c.route.app.logLimited(ctx, slog.LevelDebug, "wsgate: a payload is not valid", err, "conn", c.ID(), "path", c.route.path, "event", event)
	return fmt.Errorf("%w: %w", Errorf(Invalid, "the payload of %s is not valid", event), err)
}
