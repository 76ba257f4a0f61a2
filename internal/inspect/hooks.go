// Package inspect has the reflection. It runs at registration only.
package inspect

import (
	"reflect"
	"runtime"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// A Hook is a method whose name is that of a hook.
type Hook struct {
	Name string
	Type reflect.Type // the method's, without the receiver
	Pos  string       // file:line
}

// lookup finds a method by a constant name. A loop over reflect.Type.Method, or a name that is not constant, would make
// the linker keep every exported method of the user's program.
type lookup struct {
	name string
	find func(reflect.Type) (reflect.Method, bool)
}

var hooks = []lookup{
	{"OnUpgrade", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnUpgrade") }},
	{"OnOpen", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnOpen") }},
	{"OnMessage", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnMessage") }},
	{"OnRefresh", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnRefresh") }},
	{"OnClose", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnClose") }},
	{"Events", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Events") }},
}

var wrongNames = []lookup{
	{"OnConnect", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnConnect") }},
	{"OnConnection", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnConnection") }},
	{"OnConnected", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnConnected") }},
	{"OnDisconnect", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnDisconnect") }},
	{"OnDisconnected", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnDisconnected") }},
	{"OnError", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnError") }},
	{"OnEvent", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnEvent") }},
	{"OnEvents", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnEvents") }},
	{"Onmessage", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Onmessage") }},
	{"Onopen", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Onopen") }},
	{"Onclose", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Onclose") }},
	{"OnUpgraded", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("OnUpgraded") }},
}

// Hooks returns the hooks of t, including methods promoted from embedded structs.
func Hooks(t reflect.Type) []Hook { return present(t, hooks) }

// WrongNames returns the methods of t whose names look like a hook's but are not.
func WrongNames(t reflect.Type) []Hook { return present(t, wrongNames) }

// Event returns the method Event of t. Its result type tells whether it was meant as Events.
func Event(t reflect.Type) (method Hook, ok bool) {
	found := present(t, []lookup{{"Event", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Event") }}})
	if len(found) == 0 {
		return Hook{}, false
	}
	return found[0], true
}

func present(t reflect.Type, names []lookup) (found []Hook) {
	for _, l := range names {
		if m, ok := l.find(t); ok {
			found = append(found, Hook{l.name, withoutReceiver(m.Type), methodPos(t, l)})
		}
	}
	return found
}

func withoutReceiver(t reflect.Type) reflect.Type {
	var in, out []reflect.Type
	for i := 1; i < t.NumIn(); i++ {
		in = append(in, t.In(i))
	}
	for i := range t.NumOut() {
		out = append(out, t.Out(i))
	}
	return reflect.FuncOf(in, out, t.IsVariadic())
}

// methodPos returns the position of a method. The code of a promoted method is generated, so it looks in the embedded
// struct.
func methodPos(t reflect.Type, l lookup) string {
	m, ok := l.find(t)
	if !ok {
		return ""
	}
	pc := m.Func.Pointer()
	file, line := runtime.FuncForPC(pc).FileLine(pc)
	if !strings.HasPrefix(file, "<") {
		return mistake.Position(file, line)
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
		if pos := methodPos(t, l); pos != "" {
			return pos
		}
	}
	if t.Kind() != reflect.Struct {
		return ""
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Type.Kind() != reflect.Interface {
			for _, ft := range []reflect.Type{f.Type, reflect.PointerTo(f.Type)} {
				if pos := methodPos(ft, l); pos != "" {
					return pos
				}
			}
		}
	}
	return ""
}

// FuncPos returns the position of the function fn.
func FuncPos(fn any) string {
	pc := reflect.ValueOf(fn).Pointer()
	f := runtime.FuncForPC(pc)
	if f == nil {
		return ""
	}
	file, line := f.FileLine(pc)
	if strings.HasPrefix(file, "<") {
		return "" // the code of a method value is generated
	}
	return mistake.Position(file, line)
}

// FuncName returns fn's name without its import path, e.g. "chat.NewStore".
func FuncName(fn any) string {
	f := runtime.FuncForPC(reflect.ValueOf(fn).Pointer())
	if f == nil {
		return "constructor"
	}
	name := strings.TrimSuffix(f.Name(), "-fm")
	return name[strings.LastIndexByte(name, '/')+1:]
}
