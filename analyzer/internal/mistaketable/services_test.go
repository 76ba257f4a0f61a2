package mistaketable_test

// scored is a gateway that a service is given, from a module with these services.
func scored(services string) string {
	return `
type Chat struct{ points int }

func NewChat() *Chat { return &Chat{} }

func (*Chat) OnMessage(ctx context.Context, c *wsgate.Conn[int], m wsgate.Message) error { return nil }

type Clock struct{}

func NewClock(g *Chat) *Clock { return &Clock{} }

var Module = &wsgate.Module{Name: "chat", ` + services + `, ` + routes + `}
`
}

// ofServices are mistakes in modules and constructors.
var ofServices = []mistake{
	{"a service is missing", module(`Provide: []any{NewRoom}, `+routes) + `
type Store struct{}

type Room struct{}

func NewRoom(s *Store) *Room { return &Room{} }
`, []fix{
		{"Provide: []any{NewRoom}", "Provide: []any{NewRoom, NewStore}", "type Store struct{}", `type Store struct{}

func NewStore() *Store { return &Store{} }`},
	}},
	{"a service is asked for by value, and there is a pointer", module(`Provide: []any{NewStore, NewRoom}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

type Room struct{}

func NewRoom(s Store) *Room { return &Room{} }
`, []fix{
		{"s Store", "s *Store"},
		{"func NewStore() *Store { return &Store{} }", "func NewStore() Store { return Store{} }"},
	}},
	{"a service is asked for by an interface, and there is one that has it", module(`Provide: []any{NewStore, NewRoom}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

func (*Store) Save() {}

type Saver interface{ Save() }

type Room struct{}

func NewRoom(s Saver) *Room { return &Room{} }
`, []fix{
		{"s Saver", "s *Store"},
		{"NewStore, NewRoom", "NewStore, NewRoom, func(v *Store) Saver { return v }"},
	}},
	{"a service is asked for by its own type, and there is an interface", module(`Provide: []any{NewSaver, NewRoom}, `+routes) + `
type Store struct{}

func (*Store) Save() {}

type Saver interface{ Save() }

func NewSaver() Saver { return &Store{} }

type Room struct{}

func NewRoom(s *Store) *Room { return &Room{} }
`, []fix{
		{"s *Store", "s Saver"},
		{"NewSaver, NewRoom", "NewSaver, NewRoom, NewStore", "type Room", "func NewStore() *Store { return &Store{} }\n\ntype Room"},
	}},
	{"a service with a name is missing", module(`Provide: []any{NewRoom}, `+routes) + `
type Store struct{}

type Stores struct {
	dig.In

	Fast *Store ` + "`name:\"fast\"`" + `
}

type Room struct{}

func NewRoom(s Stores) *Room { return &Room{} }
`, []fix{
		{"{NewRoom}", "{NewRoom, NewStores}", "type Room", "type Made struct {\n\tdig.Out\n\n\tStore *Store `name:\"fast\"`\n}\n\nfunc NewStores() Made { return Made{Store: &Store{}} }\n\ntype Room"},
	}},
	{"the Hub is asked for by value", module(`Provide: []any{NewRoom}, `+routes) + `
type Room struct{}

func NewRoom(h wsgate.Hub) *Room { return &Room{} }
`, []fix{
		{"h wsgate.Hub", "h *wsgate.Hub"},
	}},
	{"a service needs the App", module(`Provide: []any{NewRoom}, `+routes) + `
type Room struct{ app *wsgate.App }

func NewRoom(a *wsgate.App) *Room { return &Room{a} }
`, []fix{
		{"a *wsgate.App", "h *wsgate.Hub", "&Room{a}", "&Room{}"},
		{"a *wsgate.App", "l *wsgate.Lifecycle", "&Room{a}", "&Room{}"},
		{"a *wsgate.App", "", "&Room{a} }", "&Room{} }\n\nfunc wire(a *wsgate.App) error { return a.Invoke(func(r *Room) { r.app = a }) }"},
	}},
	{"a service needs a connection", module(`Provide: []any{NewRoom}, `+routes) + `
type Room struct{}

func NewRoom(c *wsgate.Conn[int]) *Room { return &Room{} }
`, []fix{
		{"c *wsgate.Conn[int]) *Room { return &Room{} }", ") *Room { return &Room{} }\n\nfunc (*Room) greet(c *wsgate.Conn[int]) {}"},
		{"c *wsgate.Conn[int]) *Room {", "h *wsgate.Hub) *Room {"},
	}},
	{"a service needs a gateway", module(`Provide: []any{NewClock}, `+routes) + `
type Clock struct{}

func NewClock(g *Chat) *Clock { return &Clock{} }
`, []fix{
		{"g *Chat", "s *Score", "NewChat()", "NewChat(s *Score)", "{NewClock}", "{NewClock, NewScore}", "type Clock", "type Score struct{ points int }\n\nfunc NewScore() *Score { return &Score{} }\n\ntype Clock"},
		{"{NewClock}", "{NewClock, NewChat}", "New: NewChat", "New: func(g *Chat) *Chat { return g }"},
	}},
	{"a service needs an interface that a gateway has", module(`Provide: []any{NewClock}, `+routes) + `
func (*Chat) Score(points int) {}

type Board interface{ Score(points int) }

type Clock struct{}

func NewClock(b Board) *Clock { return &Clock{} }
`, []fix{
		{"{NewClock}", "{NewClock, NewChat}", "New: NewChat", "New: func(g *Chat) *Chat { return g }", "b Board", "g *Chat"},
		{"b Board", "s *Score", "NewChat()", "NewChat(s *Score)", "{NewClock}", "{NewClock, NewScore}", "type Clock", "type Score struct{ points int }\n\nfunc NewScore() *Score { return &Score{} }\n\ntype Clock"},
		{"{NewClock}", "{NewClock, NewBoard}", "type Clock", "type Sign struct{}\n\nfunc (*Sign) Score(points int) {}\n\nfunc NewBoard() Board { return &Sign{} }\n\ntype Clock"},
	}},
	{"a gateway is a service's, and its route makes another", scored(`Provide: []any{NewChat, NewClock}`), []fix{
		{"New: NewChat", "New: func(g *Chat) *Chat { return g }"},
		{"{NewChat, NewClock}", "{NewScore, NewClock}", "NewClock(g *Chat)", "NewClock(s *Score)", "NewChat()", "NewChat(s *Score)", "type Clock", "type Score struct{ points int }\n\nfunc NewScore() *Score { return &Score{} }\n\ntype Clock"},
	}},
	{"a gateway is private to another module, and its route makes another", scored(`Imports: []*wsgate.Module{{Private: []any{NewChat, NewClock}}}`), []fix{
		{"{{Private: []any{NewChat, NewClock}}}", "{{Provide: []any{NewChat}, Private: []any{NewClock}}}", "New: NewChat", "New: func(g *Chat) *Chat { return g }"},
	}},
	{"a service is private to another module", module(`Imports: []*wsgate.Module{Storage}, Provide: []any{NewRoom}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

var Storage = &wsgate.Module{Name: "storage", Private: []any{NewStore}}

type Room struct{}

func NewRoom(s *Store) *Room { return &Room{} }
`, []fix{
		{"Private: []any{NewStore}", "Provide: []any{NewStore}"},
		{"Provide: []any{NewRoom}", "Private: []any{OpenStore}, Provide: []any{NewRoom}", "type Room", `func OpenStore() *Store { return &Store{} }

type Room`},
	}},
	{"a service is provided twice", module(`Provide: []any{NewStore, OpenStore}, `+routes) + `
type Store struct{}

func NewStore() *Store { return &Store{} }

func OpenStore() *Store { return &Store{} }
`, []fix{
		{"NewStore, OpenStore", "NewStore"},
		{"Provide: []any{NewStore, OpenStore}", "Imports: []*wsgate.Module{{Private: []any{NewStore}}, {Private: []any{OpenStore}}}"},
	}},
	{"a constructor provides a service twice", module(`Provide: []any{NewStores}, `+routes) + `
type Store struct{}

func NewStores() (*Store, *Store) { return &Store{}, &Store{} }
`, []fix{
		{"(*Store, *Store) { return &Store{}, &Store{} }", "(*Store, *Cache) { return &Store{}, &Cache{} }\n\ntype Cache struct{}"},
		{"func NewStores() (*Store, *Store) { return &Store{}, &Store{} }", "type Stores struct {\n\tdig.Out\n\n\tFast *Store `name:\"fast\"`\n\tSafe *Store `name:\"safe\"`\n}\n\nfunc NewStores() Stores { return Stores{Fast: &Store{}, Safe: &Store{}} }"},
	}},
	{"a constructor provides what the App does", module(`Provide: []any{NewLog}, `+routes) + `
func NewLog() *slog.Logger { return slog.Default() }
`, []fix{
		{"{NewLog}", "{}"},
		{"func NewLog() *slog.Logger { return slog.Default() }", "type Log struct{ own *slog.Logger }\n\nfunc NewLog() *Log { return &Log{slog.Default()} }"},
	}},
	{"a constructor provides nothing", module(`Provide: []any{Migrate}, `+routes) + `
type Store struct{}

func Migrate() error { return nil }
`, []fix{
		{"func Migrate() error { return nil }", "func Migrate() (*Store, error) { return &Store{}, nil }"},
		{"{Migrate}", "{}", "func Migrate() error { return nil }", "func Migrate() error { return nil }\n\nfunc wire(a *wsgate.App) error { return a.Invoke(Migrate) }"},
	}},
	{"services need each other", module(`Provide: []any{NewStore, NewCache}, `+routes) + `
type Store struct{}

func NewStore(c *Cache) *Store { return &Store{} }

type Cache struct{}

func NewCache(s *Store) *Cache { return &Cache{} }
`, []fix{
		{"NewStore, NewCache", "NewStore, NewCache, NewLink", "func NewCache(s *Store) *Cache { return &Cache{} }", `func NewCache() *Cache { return &Cache{} }

type Link struct{}

func NewLink(c *Cache, s *Store) *Link {
	c.store = s
	return &Link{}
}`, "type Cache struct{}", "type Cache struct{ store *Store }"},
		{"NewStore, NewCache", "NewStore, NewCache, NewDisk", "NewStore(c *Cache)", "NewStore(d *Disk)", "NewCache(s *Store) *Cache { return &Cache{} }", `NewCache(d *Disk) *Cache { return &Cache{} }

type Disk struct{}

func NewDisk() *Disk { return &Disk{} }`},
	}},
	{"a service is listed in place of its constructor", module(`Provide: []any{&Store{}}, `+routes) + `
type Store struct{}
`, []fix{
		{"Provide: []any{&Store{}}", "Provide: []any{NewStore}", "type Store struct{}", `type Store struct{}

func NewStore() *Store { return &Store{} }`},
		{"Provide: []any{&Store{}}", "Provide: []any{func() *Store { return value }}", "type Store struct{}", `type Store struct{}

var value = &Store{}`},
	}},
	{"a constructor returns an error", module(`Provide: []any{NewStore}, `+routes) + `
type Store struct{}

func NewStore() (*Store, error) { return nil, errors.New("no database") }
`, []fix{
		{`return nil, errors.New("no database")`, "return &Store{}, nil"},
	}},
	{"a constructor panics", module(`Provide: []any{NewStore}, `+routes) + `
type Store struct{ names map[string]int }

func NewStore() *Store {
	s := &Store{}
	s.names["ann"] = 1
	return s
}
`, []fix{
		{"s := &Store{}", "s := &Store{names: map[string]int{}}"},
		{"func NewStore() *Store {", "func NewStore() (*Store, error) {", `s.names["ann"] = 1
	return s`, `if s.names != nil {
		return nil, errors.New("there are names")
	}
	return s, nil`},
	}},
	{"a constructor returns nil and no error", module(`Provide: []any{NewStore}, `+routes) + `
type Store struct{}

func NewStore() *Store { return nil }
`, []fix{
		{"Store { return nil", "Store { return &Store{}"},
	}},
	{"modules import each other", `
var (
	a = &wsgate.Module{Name: "a"}
	b = &wsgate.Module{Name: "b", Imports: []*wsgate.Module{a}}
)

func init() { a.Imports = []*wsgate.Module{b} }

var Module = a
`, []fix{
		{"func init() { a.Imports = []*wsgate.Module{b} }", `func init() {
	both := &wsgate.Module{Name: "both"}
	a.Imports, b.Imports = []*wsgate.Module{both}, []*wsgate.Module{both}
}`},
	}},
	{"a module imports nil", `
var storage *wsgate.Module

func init() { storage = &wsgate.Module{Name: "storage"} }

var Module = &wsgate.Module{Name: "chat", Imports: []*wsgate.Module{storage}}
`, []fix{
		{"{storage}", "{}"},
		{
			`var Module = &wsgate.Module{Name: "chat", Imports: []*wsgate.Module{storage}}`, "",
			`func init() { storage = &wsgate.Module{Name: "storage"} }`, `func build() *wsgate.Module {
	return &wsgate.Module{Name: "chat", Imports: []*wsgate.Module{storage}}
}

var Module *wsgate.Module

func init() {
	storage = &wsgate.Module{Name: "storage"}
	Module = build()
}`,
		},
	}},
}
