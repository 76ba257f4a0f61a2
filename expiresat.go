package wsgate

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// expirer is implemented by data of a session that ends. The method may have a pointer receiver.
type expirer interface{ ExpiresAt() time.Time }

// StatusExpired is the close code of a connection whose session has ended: the time that the data's ExpiresAt has
// returned is over, and [Refresher] has not renewed the session. A client that gets it connects again with new credentials, and stays away if
// it has none.
const StatusExpired websocket.StatusCode = 4401

var expirerType = reflect.TypeFor[expirer]()

// hasEnd reports whether data of that type has an ExpiresAt method.
func hasEnd(data reflect.Type) bool { return methodsOf(data).Implements(expirerType) }

// endOf returns when the session of a connection with that data ends, zero for never.
func endOf(data any) time.Time {
	e, ok := methodOf[expirer](data)
	if !ok {
		return time.Time{}
	}
	return e.ExpiresAt()
}

// checkEnd returns a mistake for a method that looks like ExpiresAt but would never be called, or for an OnRefresh
// without one.
func checkEnd(data reflect.Type, rt *Route) error {
	if hasEnd(data) {
		return nil
	}
	typ := methodsOf(data)
	if method, ok := typ.MethodByName("ExpiresAt"); ok { // a constant name, as in checkUser
		return &mistake.Mistake{
			What:  fmt.Sprintf("route %q: %s.ExpiresAt does not tell when the session ends", rt.Path, inspect.TypeName(data)),
			Where: rt.where(),
			Have:  "func (" + inspect.TypeName(typ) + ") ExpiresAt" + methodSignature(typ, method),
			Want:  "func (" + inspect.TypeName(typ) + ") ExpiresAt() time.Time",
			Fix:   "change it, or give it another name if the session does not end",
		}
	}
	if hook, ok := refreshHook(rt); ok {
		return &mistake.Mistake{
			What:  fmt.Sprintf("route %q: OnRefresh would never be called", rt.Path),
			Where: hook.Pos,
			Have:  "data of type " + inspect.TypeName(data) + ", which does not tell when the session ends",
			Want:  "a method ExpiresAt() time.Time of the data",
			Fix:   methodAdvice(data, "ExpiresAt() time.Time") + " and from OnRefresh",
		}
	}
	return nil
}

// refreshHook returns the OnRefresh of a route's gateway, if it has one.
func refreshHook(rt *Route) (hook inspect.Hook, ok bool) {
	hooks := inspect.Hooks(reflect.TypeOf(rt.New).Out(0))
	i := slices.IndexFunc(hooks, func(h inspect.Hook) bool { return h.Name == "OnRefresh" })
	if i < 0 {
		return hook, false
	}
	return hooks[i], true
}
