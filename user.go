package wsgate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// user is implemented by data that identifies a user. The method may have a pointer receiver.
type user interface{ UserID() string }

const maxUserID = 255

// StatusReplaced is the close code of a connection that was closed to make room for a newer one of the same user, see
// [Options].CloseOldest. A client that gets it should not reconnect by itself: it would replace the newer connection,
// whose client would reconnect in turn.
const StatusReplaced websocket.StatusCode = 4409

var userType = reflect.TypeFor[user]()

// hasUser reports whether data of that type has a UserID method.
func hasUser(data reflect.Type) bool { return methodsOf(data).Implements(userType) }

// checkUser returns a mistake for a method that looks like UserID but would never be called.
func checkUser(data reflect.Type, rt *Route) error {
	if hasUser(data) {
		return nil
	}
	typ := methodsOf(data)
	method, ok := typ.MethodByName("UserID") // a constant name lets the linker keep dead-code elimination
	if !ok {
		method, ok = typ.MethodByName("UserId")
	}
	if !ok {
		return nil
	}
	return &mistake.Mistake{
		What:  fmt.Sprintf("route %q: %s.%s does not tell the user", rt.Path, inspect.TypeName(data), method.Name),
		Where: rt.where(),
		Have:  "func (" + inspect.TypeName(typ) + ") " + method.Name + methodSignature(typ, method),
		Want:  "func (" + inspect.TypeName(typ) + ") UserID() string",
		Fix:   "change it, or give it another name if it is not for Hub.User",
	}
}

// methodsOf returns the type that has all methods of data that can be called.
func methodsOf(data reflect.Type) reflect.Type {
	if data.Kind() == reflect.Pointer || data.Kind() == reflect.Interface {
		return data
	}
	return reflect.PointerTo(data)
}

// userAdvice returns advice on how to give the data a UserID method.
func userAdvice(data reflect.Type) string { return methodAdvice(data, "UserID() string") }

// methodAdvice returns advice on how to give the data a method.
func methodAdvice(data reflect.Type, method string) string {
	own := data
	if own.Kind() == reflect.Pointer {
		own = own.Elem()
	}
	if own.PkgPath() == "" || own.Kind() == reflect.Interface { // it cannot have methods, or every implementation would need this one
		return fmt.Sprintf("use a type of your own in place of %s in every hook, with a method %s, and return it from OnUpgrade", inspect.TypeName(data), method)
	}
	return fmt.Sprintf("give %s a method %s, and return it from OnUpgrade", inspect.TypeName(data), method)
}

// checkUserLimit returns a mistake for a user limit that has no effect.
func (b *builder) checkUserLimit() {
	l := b.options.Limits.UserConnections
	if b.options.CloseOldest && l == 0 {
		b.addErrors(&mistake.Mistake{
			What: "Options.CloseOldest without Limits.UserConnections", Fix: "remove it, or set Options.Limits.UserConnections to how many connections a user may have",
		})
	}
	if l > 0 && len(b.routes) > 0 && !slices.ContainsFunc(b.routes, mayHaveUsers) {
		b.addErrors(&mistake.Mistake{
			What: "Options.Limits.UserConnections without users", Have: "no gateway whose data tells who the user is",
			Fix: "remove it, or give the data of a gateway, in a type of your own, a method UserID() string, and return it from OnUpgrade",
		})
	}
}

// mayHaveUsers reports whether the route's connections may belong to users. A route with mistakes counts as one that may.
func mayHaveUsers(rt checkedRoute) bool { return rt.data == nil || hasUser(rt.data) }

// methodSignature returns a method's parameters and results.
func methodSignature(typ reflect.Type, method reflect.Method) string {
	signature := strings.TrimPrefix(inspect.TypeName(method.Type), "func(")
	if typ.Kind() != reflect.Interface { // the receiver is the first parameter
		signature = strings.TrimPrefix(strings.TrimPrefix(signature, inspect.TypeName(typ)), ", ")
	}
	return "(" + signature
}

// dataOf returns the type of the data of a gateway's connections. A gateway with only OnUpgrade mentions no *Conn[D].
func dataOf(gateway reflect.Type, ct connType) reflect.Type {
	if upgrade, ok := gateway.MethodByName("OnUpgrade"); ok && ct.dataType() == reflect.TypeFor[any]() {
		return upgrade.Type.Out(0)
	}
	return ct.dataType()
}

// userOf returns the user id of a connection with that data, "" for no user.
func userOf(data any) (id string, err error) {
	u, ok := methodOf[user](data)
	if !ok {
		return "", nil
	}
	id = u.UserID()
	if len(id) > maxUserID || !utf8.ValidString(id) {
		return "", fmt.Errorf("wsgate: UserID returned %.40q…, want valid UTF-8 of at most %d bytes", id, maxUserID)
	}
	return id, nil
}

// methodOf returns the data as an interface that it, or a pointer to it, implements.
func methodOf[T any](data any) (v T, ok bool) {
	if v, ok = data.(T); ok || data == nil {
		return v, ok
	}
	p := reflect.New(reflect.TypeOf(data))
	p.Elem().Set(reflect.ValueOf(data))
	v, ok = p.Interface().(T)
	return v, ok
}
