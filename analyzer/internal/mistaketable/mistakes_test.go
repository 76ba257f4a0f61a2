package mistaketable_test

// mistake is something that a programmer gets wrong.
type mistake struct {
	name string // what was done, for the table
	code string // the package "chat" that does it; it declares Module, and Options if that matters
}

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

const routes = `Gateways: []wsgate.Route{{Path: "/ws", New: NewChat}}`

var mistakes = []mistake{
	// Types.
	{"a handler takes another type than its event has", say + `
func (g *Chat) onCount(ctx context.Context, c *wsgate.Conn[Member], n int) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onCount)}
}
`},
	{"a payload has another type than its event", opener + `
const Said wsgate.Event[string] = "said"

func greet(c *wsgate.Conn[Member]) error { return Said.Emit(c, 7) }
`},
	{"a handler is for connections with other data", say + `
type Guest struct{}

func onSay(ctx context.Context, c *wsgate.Conn[Guest], text string) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, onSay)}
}
`},
	{"an assertion that a hook is there, and it has another signature", gateway + `
func (*Chat) OnClose(ctx context.Context, c *wsgate.Conn[Member]) {}

var _ wsgate.Closer[Member] = (*Chat)(nil)
`},

	// Hooks.
	{"a hook has another signature", gateway + `
func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error { return nil }

func (*Chat) OnClose(ctx context.Context, c *wsgate.Conn[Member]) {}
`},
	{"a hook's name has a typo", opener + `
func (*Chat) OnMesage(ctx context.Context, c *wsgate.Conn[Member], m wsgate.Message) error { return nil }
`},
	{"a hook is not exported", opener + `
func (*Chat) onClose(ctx context.Context, c *wsgate.Conn[Member], err error) {}
`},
	{"a hook has the name of another library's", opener + `
func (*Chat) OnDisconnect(ctx context.Context, c *wsgate.Conn[Member], err error) {}
`},
	{"a gateway has no hook", gateway},
	{"two hooks have different data", opener + `
func (*Chat) OnClose(ctx context.Context, c *wsgate.Conn[string], err error) {}
`},
	{"a gateway has both OnMessage and Events", say + `
func (*Chat) OnMessage(ctx context.Context, c *wsgate.Conn[Member], m wsgate.Message) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onSay)}
}
`},
	{"a constructor returns a value, and the hooks are on the pointer", `
type Chat struct{}

func NewChat() Chat { return Chat{} }

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[int]) error { return nil }

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`},
	{"a gateway is registered in place of its constructor", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat()}}`)},

	// Users and presence.
	{"the data has a UserID that tells no user", `
type Visitor struct{ Name string }

func (v Visitor) UserID(salt string) string { return v.Name }

type Chat struct{}

func NewChat() *Chat { return &Chat{} }

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Visitor]) error { return nil }

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`},
	{"presence is tracked, and the data tells no user", say + `
const People wsgate.Event[wsgate.Presence[Member]] = "people"

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.Track(People, func(c *wsgate.Conn[Member], _ string) (Member, bool) { return c.Data, true }),
	}
}
`},

	// Events.
	{"an event is bound twice", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.On(Say, g.onSay),
		wsgate.On(Say, g.onSay),
	}
}
`},
	{"an event has a reserved name", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On("error", g.onSay)}
}
`},
	{"an event's name has a line break", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On("say\n", g.onSay)}
}
`},
	{"an event has no handler", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On[Member](Say, nil)}
}
`},
	{"a payload has a field that the envelope needs", gateway + `
type Line struct {
	ID   int    ` + "`json:\"id\"`" + `
	Text string ` + "`json:\"text\"`" + `
}

const Say wsgate.Event[Line] = "say"

func (*Chat) onSay(ctx context.Context, c *wsgate.Conn[Member], l Line) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onSay)}
}
`},
	{"a payload looks different in another release of Go", gateway + `
type Offer struct {
	Price int ` + "`json:\"€\"`" + `
}

const Bid wsgate.Event[Offer] = "bid"

func (*Chat) onBid(ctx context.Context, c *wsgate.Conn[Member], o Offer) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Bid, g.onBid)}
}
`},
	{"two keys of the envelope are the same", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Envelope: wsgate.Envelope{Type: "kind", ID: "kind"}}}`)},
	{"the error of an Emit that can fail is dropped", opener + `
const Said wsgate.Event[any] = "said"

func greet(c *wsgate.Conn[Member], whatever any) { Said.Emit(c, whatever) }
`},
	{"a goroutine of a hook uses the connection's data", gateway + `
func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error {
	go func() { println(c.Data.Name) }()
	return nil
}
`},

	// Services.
	{"a service is missing", module(`Provide: []any{NewRoom}, `+routes) + `
type Store struct{}

type Room struct{}

func NewRoom(s *Store) *Room { return &Room{} }
`},
	{"a service is asked for by value, and there is a pointer", module(`Provide: []any{NewStore, NewRoom}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

type Room struct{}

func NewRoom(s Store) *Room { return &Room{} }
`},
	{"a service is private to another module", module(`Imports: []*wsgate.Module{Storage}, Provide: []any{NewRoom}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

var Storage = &wsgate.Module{Name: "storage", Private: []any{NewStore}}

type Room struct{}

func NewRoom(s *Store) *Room { return &Room{} }
`},
	{"a service is provided twice", module(`Provide: []any{NewStore, OpenStore}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

func OpenStore() *Store { return &Store{} }
`},
	{"services need each other", module(`Provide: []any{NewStore, NewCache}, `+routes) + `
type Store struct{}

func NewStore(c *Cache) *Store { return &Store{} }

type Cache struct{}

func NewCache(s *Store) *Cache { return &Cache{} }
`},
	{"a service is listed in place of its constructor", module(`Provide: []any{&Store{}}, `+routes) + `
type Store struct{}
`},
	{"a constructor returns an error", module(`Provide: []any{NewStore}, `+routes) + `
type Store struct{}

func NewStore() (*Store, error) { return nil, errors.New("no database") }
`},
	{"a constructor panics", module(`Provide: []any{NewStore}, `+routes) + `
type Store struct{ names map[string]int }

func NewStore() *Store {
	s := &Store{}
	s.names["ann"] = 1
	return s
}
`},
	{"a constructor returns nil and no error", module(`Provide: []any{NewStore}, `+routes) + `
type Store struct{}

func NewStore() *Store { return nil }
`},
	{"modules import each other", `
var (
	a = &wsgate.Module{Name: "a"}
	b = &wsgate.Module{Name: "b", Imports: []*wsgate.Module{a}}
)

func init() { a.Imports = []*wsgate.Module{b} }

var Module = a
`},

	// Routes.
	{"two routes have one path", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat}, {Path: "/ws", New: NewChat}}`)},
	{"two paths conflict", module(`Gateways: []wsgate.Route{{Path: "/ws/{room}/x", New: NewChat}, {Path: "/ws/go/{id}", New: NewChat}}`)},
	{"a path has a method", module(`Gateways: []wsgate.Route{{Path: "GET /ws", New: NewChat}}`)},
	{"a path's host has a port", module(`Gateways: []wsgate.Route{{Path: "chat.example.com:443/ws", New: NewChat}}`)},
	{"a subprotocol is no token", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Subprotocols: []string{"chat v1"}}}`)},
	{"a subprotocol is listed twice", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Subprotocols: []string{"v1", "v1"}}}`)},
	{"a middleware is nil", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Use: []wsgate.Middleware{nil}}}`)},
	{"a limit of the App is set for a route", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Limits: &wsgate.Limits{Drain: time.Minute}}}`)},

	// Options.
	{"a limit is negative", opener + `
var Options = &wsgate.Options{Limits: wsgate.Limits{Message: -1}}
`},
	{"an origin is no pattern", opener + `
var Options = &wsgate.Options{Origins: []string{"https://example.com/"}}
`},
	{"an origin has letters that are not ASCII", opener + `
var Options = &wsgate.Options{Origins: []string{"https://münchen.example"}}
`},
	{"an origin has the scheme of the WebSocket", opener + `
var Options = &wsgate.Options{Origins: []string{"wss://example.com"}}
`},
	{"a limit of users without users", opener + `
var Options = &wsgate.Options{Limits: wsgate.Limits{UserConnections: 3}}
`},
	{"CloseOldest without its limit", opener + `
var Options = &wsgate.Options{CloseOldest: true}
`},
	{"a host has a port", opener + `
var Options = &wsgate.Options{Hosts: []string{"localhost:3100"}}
`},
}
