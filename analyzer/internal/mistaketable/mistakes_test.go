package mistaketable_test

import "slices"

// mistake is something that a programmer gets wrong.
type mistake struct {
	name string // what was done, for the table
	code string // the package "chat" that does it; it declares Module, and Options and Mount if they matter

	fixes []fix // programs that follow the advice to the letter, one for each of its alternatives
}

// fix turns the program of a mistake into one that works: what is to be replaced once, and by what, in turns.
type fix []string

// gateway is what the code of most mistakes needs besides.
const gateway = `
type Member struct{ Name string }

type Chat struct{}

func NewChat() *Chat { return &Chat{} }

var Module = &wsgate.Module{Name: "chat", Gateways: []wsgate.Route{{Path: "/ws", New: NewChat}}}
`

// opener makes Chat a gateway that is right.
const opener = gateway + `
func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error { return nil }
`

// say makes Chat a gateway of events; what follows is in its table.
const say = gateway + `
const Say wsgate.Event[string] = "say"

func (*Chat) onSay(ctx context.Context, c *wsgate.Conn[Member], text string) error { return nil }
`

// module is like gateway with another list of routes or services.
func module(fields string) string {
	return `
type Chat struct{}

func NewChat() *Chat { return &Chat{} }

func (*Chat) OnMessage(ctx context.Context, c *wsgate.Conn[int], m wsgate.Message) error { return nil }

var Module = &wsgate.Module{Name: "chat", ` + fields + `}
`
}

// metered is like module with a service that counts, and a list of middleware.
func metered(use string) string {
	return module(`Provide: []any{NewMeter}, Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Use: []any{`+use+`}}}`) + `
type Meter struct{}

func NewMeter() *Meter { return &Meter{} }

func (m *Meter) Count(next wsgate.Handler) wsgate.Handler { return next }
`
}

const routes = `Gateways: []wsgate.Route{{Path: "/ws", New: NewChat}}`

var mistakes = slices.Concat(ofGateways, ofEvents, ofServices, ofRoutes)

// ofGateways are mistakes in types and hooks.
var ofGateways = []mistake{
	// Types.
	{"a handler takes another type than its event has", say + `
func (g *Chat) onCount(ctx context.Context, c *wsgate.Conn[Member], n int) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onCount)}
}
`, []fix{
		{"n int)", "n string)"},
	}},
	{"a payload has another type than its event", opener + `
const Said wsgate.Event[string] = "said"

func greet(c *wsgate.Conn[Member]) error { return Said.Emit(c, 7) }
`, []fix{
		{"Emit(c, 7)", `Emit(c, "7")`},
	}},
	{"a handler is for connections with other data", say + `
type Guest struct{}

func onSay(ctx context.Context, c *wsgate.Conn[Guest], text string) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, onSay)}
}
`, []fix{
		{"wsgate.Conn[Guest]", "wsgate.Conn[Member]"},
	}},
	{"an assertion that a hook is there, and it has another signature", gateway + `
func (*Chat) OnClose(ctx context.Context, c *wsgate.Conn[Member]) {}

var _ wsgate.Closer[Member] = (*Chat)(nil)
`, []fix{
		{"wsgate.Conn[Member]) {}", "wsgate.Conn[Member], err error) {}"},
	}},

	// Hooks.
	{"a hook has another signature", gateway + `
func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error { return nil }

func (*Chat) OnClose(ctx context.Context, c *wsgate.Conn[Member]) {}
`, []fix{
		{"wsgate.Conn[Member]) {}", "wsgate.Conn[Member], err error) {}"},
	}},
	{"a hook's name has a typo", opener + `
func (*Chat) OnMesage(ctx context.Context, c *wsgate.Conn[Member], m wsgate.Message) error { return nil }
`, []fix{
		{"OnMesage", "OnMessage"},
		{"OnMesage", "Relay"},
	}},
	{"a hook is not exported", opener + `
func (*Chat) onClose(ctx context.Context, c *wsgate.Conn[Member], err error) {}
`, []fix{
		{"onClose", "OnClose"},
		{"onClose", "goodbye"},
	}},
	{"a hook has the name of another library's", opener + `
func (*Chat) OnDisconnect(ctx context.Context, c *wsgate.Conn[Member], err error) {}
`, []fix{
		{"OnDisconnect", "OnClose"},
		{"OnDisconnect", "Goodbye"},
	}},
	{"Event is written for Events", say + `
func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error { return nil }

func (g *Chat) Event() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onSay)}
}
`, []fix{
		{"Event()", "Events()"},
		{"Event()", "Table()"},
	}},
	{"a gateway has no hook", gateway, []fix{
		{"type Chat struct{}", `type Chat struct{}

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error { return nil }`},
	}},
	{"two hooks have different data", opener + `
func (*Chat) OnClose(ctx context.Context, c *wsgate.Conn[string], err error) {}
`, []fix{
		{"wsgate.Conn[string]", "wsgate.Conn[Member]"},
	}},
	{"a gateway has both OnMessage and Events", say + `
func (*Chat) OnMessage(ctx context.Context, c *wsgate.Conn[Member], m wsgate.Message) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onSay)}
}
`, []fix{
		{`
func (*Chat) OnMessage(ctx context.Context, c *wsgate.Conn[Member], m wsgate.Message) error { return nil }
`, ""},
		{`
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onSay)}
}
`, ""},
	}},
	{"a constructor returns a value, and the hooks are on the pointer", `
type Chat struct{}

func NewChat() Chat { return Chat{} }

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[int]) error { return nil }

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`, []fix{
		{"func NewChat() Chat { return Chat{} }", "func NewChat() *Chat { return &Chat{} }"},
	}},
	{"a gateway is registered in place of its constructor", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat()}}`), []fix{
		{"New: NewChat()", "New: NewChat"},
		{"New: NewChat()", "New: func() *Chat { return value }", "var Module", `var value = NewChat()

var Module`},
	}},
	{"a gateway's value is registered in place of its constructor", module(`Gateways: []wsgate.Route{{Path: "/ws", New: Chat{}}}`), []fix{
		{"New: Chat{}", "New: NewChat"},
		{"New: Chat{}", "New: func() *Chat { return value }", "var Module", "var value = &Chat{}\n\nvar Module"},
	}},
	{"a route has no constructor", module(`Gateways: []wsgate.Route{{Path: "/ws", New: nil}}`), []fix{
		{"New: nil", "New: NewChat"},
		{`{Path: "/ws", New: nil}`, ""},
	}},
}

// ofRoutes are mistakes in routes and Options.
var ofRoutes = []mistake{
	// Routes.
	{"two routes have one path", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat}, {Path: "/ws", New: NewChat}}`), []fix{
		{`{Path: "/ws", New: NewChat}, {`, `{Path: "/chat", New: NewChat}, {`},
	}},
	{"two paths conflict", module(`Gateways: []wsgate.Route{{Path: "/ws/{room}/x", New: NewChat}, {Path: "/ws/go/{id}", New: NewChat}}`), []fix{
		{`"/ws/go/{id}"`, `"/ws/go/x"`},
		{`"/ws/go/{id}"`, `"/chat/go/{id}"`},
	}},
	{"a path has a method", module(`Gateways: []wsgate.Route{{Path: "GET /ws", New: NewChat}}`), []fix{
		{"GET /ws", "/ws"},
	}},
	{"a path's host has a port", module(`Gateways: []wsgate.Route{{Path: "chat.example.com:443/ws", New: NewChat}}`), []fix{
		{"chat.example.com:443/ws", "chat.example.com/ws"},
	}},
	{"a path's host is none of the server's", module(`Gateways: []wsgate.Route{{Path: "chat.example.com/ws", New: NewChat}}`) + `
var Options = &wsgate.Options{Hosts: []string{"localhost"}}
`, []fix{
		{`"localhost"`, `"localhost", "chat.example.com"`},
	}},
	{"a subprotocol is no token", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Subprotocols: []string{"chat v1"}}}`), []fix{
		{"chat v1", "chat.v1"},
	}},
	{"a subprotocol is listed twice", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Subprotocols: []string{"v1", "v1"}}}`), []fix{
		{`"v1", "v1"`, `"v1"`},
	}},
	{"a middleware is nil", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Use: []any{nil}}}`), []fix{
		{"[]any{nil}", "[]any{}"},
	}},
	{"a service is listed in place of middleware", metered("NewMeter()"), []fix{
		{"{NewMeter()}", "{NewMeter().Count}"},
		{"{NewMeter()}", "{NewCounting}", "type Meter", "func NewCounting() wsgate.Middleware { return NewMeter().Count }\n\ntype Meter"},
		{"{NewMeter()}", "{func(m *Meter) wsgate.Middleware { return m.Count }}"},
	}},
	{"middleware for HTTP is listed with that for hooks", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Use: []any{logged}}}`) + `
func logged(next http.Handler) http.Handler { return next }
`, []fix{
		{", Use: []any{logged}", "", "func logged", "var Options = &wsgate.Options{HTTP: []any{logged}}\n\nfunc logged"},
	}},
	{"middleware for hooks is listed with that for HTTP", opener + `
func logged(next wsgate.Handler) wsgate.Handler { return next }

var Options = &wsgate.Options{HTTP: []any{logged}}
`, []fix{
		{"HTTP: []any{logged}", "Use: []any{logged}"},
	}},
	{"a constructor of middleware needs what is private to a module", metered("NewCounting") + `
func NewCounting(c *Clock) wsgate.Middleware { return NewMeter().Count }

type Clock struct{}

func NewClock() *Clock { return &Clock{} }

var Storage = &wsgate.Module{Name: "storage", Private: []any{NewClock}}

func init() { Module.Imports = []*wsgate.Module{Storage} }

var Options = &wsgate.Options{Use: []any{NewCounting}}
`, []fix{
		{"Private: []any{NewClock}", "Provide: []any{NewClock}"},
	}},
	{"a constructor of middleware needs what nothing provides", metered("NewCounting") + `
func NewCounting(c *Clock) wsgate.Middleware { return NewMeter().Count }

type Clock struct{}

func NewClock() *Clock { return &Clock{} }
`, []fix{
		{"Provide: []any{NewMeter}", "Provide: []any{NewMeter, NewClock}"},
	}},
	{"a constructor of middleware returns nil and no error", metered("NewCounting") + `
func NewCounting() wsgate.Middleware { return nil }
`, []fix{
		{"Middleware { return nil }", "Middleware { return NewMeter().Count }"},
	}},
	{"a limit of the App is set for a route", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Limits: &wsgate.Limits{Drain: time.Minute}}}`), []fix{
		{", Limits: &wsgate.Limits{Drain: time.Minute}", "", "var Module", `var Options = &wsgate.Options{Limits: wsgate.Limits{Drain: time.Minute}}

var Module`},
	}},

	// Options.
	{"a limit is negative", opener + `
var Options = &wsgate.Options{Limits: wsgate.Limits{Message: -1}}
`, []fix{
		{"-1", "1"},
	}},
	{"an origin is no pattern", opener + `
var Options = &wsgate.Options{Origins: []string{"https://example.com/"}}
`, []fix{
		{"https://example.com/", "https://example.com"},
	}},
	{"an origin has letters that are not ASCII", opener + `
var Options = &wsgate.Options{Origins: []string{"https://münchen.example"}}
`, []fix{
		{"münchen", "xn--mnchen-3ya"},
	}},
	{"an origin has the scheme of the WebSocket", opener + `
var Options = &wsgate.Options{Origins: []string{"wss://example.com"}}
`, []fix{
		{"wss://example.com", "https://example.com"},
	}},
	{"an origin is the URL of a file", opener + `
var Options = &wsgate.Options{Origins: []string{"file:///home/ann/page.html"}}
`, []fix{
		{"file:///home/ann/page.html", "file://"},
	}},
	{"an origin is the URL of a page without one", opener + `
var Options = &wsgate.Options{Origins: []string{"data:text/html"}}
`, []fix{
		{"data:text/html", "null"},
	}},
	{"an origin is no extension's", opener + `
var Options = &wsgate.Options{Origins: []string{"chrome-extension://my-extension"}}
`, []fix{
		{"my-extension", "*"},
	}},
	{"a limit of users without users", opener + `
var Options = &wsgate.Options{Limits: wsgate.Limits{UserConnections: 3}}
`, []fix{
		{"Conn[Member]", "Conn[User]", "type Member struct{ Name string }", user},
		{"UserConnections: 3", ""},
	}},
	{"CloseOldest without its limit", opener + `
var Options = &wsgate.Options{CloseOldest: true}
`, []fix{
		{"CloseOldest: true", "CloseOldest: true, Limits: wsgate.Limits{UserConnections: 3}", "Conn[Member]", "Conn[User]", "type Member struct{ Name string }", user},
		{"CloseOldest: true", ""},
	}},
	{"a handler takes every upgrade from a gateway", opener + `
func Mount(app *wsgate.App) error {
	return app.Handle("GET /ws", http.NotFoundHandler())
}
`, []fix{
		{`"GET /ws"`, `"GET /help"`},
		{"\treturn app.Handle(\"GET /ws\", http.NotFoundHandler())", "\treturn nil", "func Mount", `
func help(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" && r.Header.Get("Upgrade") == "" {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var Options = &wsgate.Options{HTTP: []any{help}}

func Mount`},
	}},
	{"a handler has a gateway's path", opener + `
func Mount(app *wsgate.App) error {
	return app.Handle("/ws", http.NotFoundHandler())
}
`, []fix{
		{`Handle("/ws"`, `Handle("/help"`},
	}},
	{"a host has a port", opener + `
var Options = &wsgate.Options{Hosts: []string{"localhost:3100"}}
`, []fix{
		{"localhost:3100", "localhost"},
	}},
}
