package wsgate

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// validator is implemented by payloads that are validated before the handler. The method may have a pointer receiver.
type validator interface{ Validate() error }

var validatorType = reflect.TypeFor[validator]()

// checkValidate reports whether payloads of type t have a Validate method, or returns a mistake for a method that looks
// like it but would never be called.
func checkValidate(event string, t reflect.Type, pos string) (validates bool, wrong error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	t = reflect.PointerTo(t)
	method, ok := t.MethodByName("Validate") // a constant name lets the linker keep dead-code elimination
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

// validate calls Validate on the payload that v points to, unless the payload is a nil pointer.
func validate(v any) error {
	p := reflect.ValueOf(v)
	for p.Elem().Kind() == reflect.Pointer {
		if p = p.Elem(); p.IsNil() {
			return nil
		}
	}
	return p.Interface().(validator).Validate()
}

// notValid returns the handler's error for an error of Validate. An *Error is returned unchanged. Any other error is
// logged and wrapped for middleware, and the client gets only a general message.
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
