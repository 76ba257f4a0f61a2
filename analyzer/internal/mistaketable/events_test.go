package mistaketable_test

import "strings"

// presence is a gateway with that data and these bindings.
func presence(data, bindings string) string {
	return `
type Chat struct{}

func NewChat() *Chat { return &Chat{} }

const People wsgate.Event[wsgate.Presence[int]] = "people"

func known(c *wsgate.Conn[` + data + `], room string) (int, bool) { return 0, true }

func (g *Chat) Events() wsgate.Events[` + data + `] {
	return wsgate.Events[` + data + `]{` + bindings + `}
}

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`
}

// user is the data of connections that belong to users.
const user = `
type User string

func (u User) UserID() string { return string(u) }

func (*Chat) OnUpgrade(r *http.Request) (User, error) { return User(r.FormValue("name")), nil }

`

// offer is a gateway that gets a payload with these fields.
func offer(fields string) string {
	return gateway + `
type Offer struct {
	` + fields + `
}

const Bid wsgate.Event[Offer] = "bid"

func (*Chat) onBid(ctx context.Context, c *wsgate.Conn[Member], o Offer) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Bid, g.onBid)}
}
`
}

// ownJSON has an Offer marshal itself.
const ownJSON = `func (o Offer) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

func (o *Offer) UnmarshalJSON([]byte) error { return nil }

`

// truth is a key that marshals itself.
const truth = `type Truth bool

func (t Truth) MarshalText() ([]byte, error) { return []byte("true"), nil }

func (t *Truth) UnmarshalText([]byte) error { return nil }

`

// sends is a gateway whose route has that list, and whose constructor sends that event.
func sends(list, event string) string {
	return `
const (
	Said wsgate.Event[string] = "said"
	Left wsgate.Event[string] = "left"
)

type Chat struct{}

func NewChat(hub *wsgate.Hub) (*Chat, error) { return &Chat{}, ` + event + `.Emit(hub, "hello") }

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[int]) error { return nil }

var Module = &wsgate.Module{Name: "chat", Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Sends: []wsgate.Outgoing{` + list + `}}}}
`
}

// ofEvents are mistakes in events, their payloads and presence.
var ofEvents = []mistake{
	// Users and presence.
	{"the data has a UserID that tells no user", `
type Visitor struct{ Name string }

func (v Visitor) UserID(salt string) string { return v.Name }

type Chat struct{}

func NewChat() *Chat { return &Chat{} }

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Visitor]) error { return nil }

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`, []fix{
		{"UserID(salt string)", "UserID()"},
		{"UserID(salt string)", "Hash(salt string)"},
	}},
	{"the data has an ExpiresAt that tells no time", `
type Visitor struct{ End time.Time }

func (v Visitor) ExpiresAt() int64 { return v.End.Unix() }

type Chat struct{}

func NewChat() *Chat { return &Chat{} }

func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Visitor]) error { return nil }

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`, []fix{
		{"ExpiresAt() int64 { return v.End.Unix() }", "ExpiresAt() time.Time { return v.End }"},
		{"ExpiresAt()", "Unix()"},
	}},
	{"sessions are renewed that do not end", `
type Visitor struct{ Name string }

type Chat struct{}

func NewChat() *Chat { return &Chat{} }

func (*Chat) OnRefresh(ctx context.Context, c *wsgate.Conn[Visitor], token string) (Visitor, error) { return c.Data, nil }

var Module = &wsgate.Module{Name: "chat", ` + routes + `}
`, []fix{
		{"type Visitor struct{ Name string }", `type Visitor struct{ Name string; End time.Time }

func (v Visitor) ExpiresAt() time.Time { return v.End }

func (*Chat) OnUpgrade(r *http.Request) (Visitor, error) { return Visitor{Name: r.FormValue("name"), End: time.Now().Add(time.Hour)}, nil }`},
	}},
	{"presence is tracked, and the data tells no user", say + `
const People wsgate.Event[wsgate.Presence[Member]] = "people"

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.Track(People, func(c *wsgate.Conn[Member], _ string) (Member, bool) { return c.Data, true }),
	}
}
`, []fix{
		{"type Member struct{ Name string }", `type Member struct{ Name string }

func (m Member) UserID() string { return m.Name }

func (*Chat) OnUpgrade(r *http.Request) (Member, error) { return Member{r.FormValue("name")}, nil }`},
	}},
	{"presence is tracked, and the data can tell no user", presence("string", "wsgate.Track(People, known)"), []fix{
		{"Events() wsgate.Events[string]", "Events() wsgate.Events[User]", "return wsgate.Events[string]", "return wsgate.Events[User]", "wsgate.Conn[string]", "wsgate.Conn[User]", "type Chat", user + "type Chat"},
	}},
	{"presence is tracked without a function", presence("User", "wsgate.Track[User, int](People, nil)") + user, []fix{
		{"wsgate.Track[User, int](People, nil)", "wsgate.Track(People, known)"},
	}},
	{"presence is tracked twice", presence("User", "wsgate.Track(People, known), wsgate.Track(\"more\", known)") + user, []fix{
		{", wsgate.Track(\"more\", known)", ""},
	}},
	{"presence is tracked with a queue that is too small", presence("User", "wsgate.Track(People, known)") + user + `
var Options = &wsgate.Options{Limits: wsgate.Limits{QueueBytes: 1000}}
`, []fix{
		{"QueueBytes: 1000", "QueueBytes: 8192"},
	}},
	{"presence is tracked with a broker that is no store", presence("User", "wsgate.Track(People, known)") + user + `
type lossy struct{ wsgate.Broker }

var Options = &wsgate.Options{Broker: lossy{}}
`, []fix{
		{"lossy{}}", "&wstest.Broker{}}"},
	}},

	// Events.
	{"an event is bound twice", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.On(Say, g.onSay),
		wsgate.On(Say, g.onSay),
	}
}
`, []fix{
		{`		wsgate.On(Say, g.onSay),
		wsgate.On(Say, g.onSay),
`, `		wsgate.On(Say, g.onSay),
`},
		{`		wsgate.On(Say, g.onSay),
		wsgate.On(Say, g.onSay),
`, `		wsgate.On(Say, g.onSay),
		wsgate.On("shout", g.onSay),
`},
	}},
	{"an event has a reserved name", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On("error", g.onSay)}
}
`, []fix{
		{`On("error"`, `On("failure"`},
	}},
	{"an event's name has a line break", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On("say\n", g.onSay)}
}
`, []fix{
		{`On("say\n"`, `On("say"`},
	}},
	{"an event has no handler", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On[Member](Say, nil)}
}
`, []fix{
		{"wsgate.On[Member](Say, nil)", "wsgate.On(Say, g.onSay)"},
	}},
	{"an event is limited to none", say + `
func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Say, g.onSay).AtMost(0, 0)}
}
`, []fix{
		{"AtMost(0, 0)", "AtMost(5, 1e9)"},
	}},
	{"the event of presence is limited", presence("User", "wsgate.Track(People, known).AtMost(5, 1e9)") + user, []fix{
		{".AtMost(5, 1e9)", ""},
	}},
	{"a payload has a field that has no JSON", offer("Price int\n\tDone chan int"), []fix{
		{"Done chan int", "Done int"},
		{"Done chan int", "Done chan int `json:\"-\"`"},
	}},
	{"an event that is only sent has a payload that has no JSON", opener + `
const Said wsgate.Event[Line] = "said"

type Line struct{ Done chan int }

func greet(c *wsgate.Conn[Member]) error { return Said.Emit(c, Line{}) }
`, []fix{
		{"Done chan int", "Done int"},
		{"Done chan int", "Done chan int `json:\"-\"`"},
	}},
	{"an event that is only sent has a reserved name", opener + `
const Said wsgate.Event[string] = "$said"

func greet(c *wsgate.Conn[Member]) error { return Said.Emit(c, "hello") }
`, []fix{
		{`"$said"`, `"said"`},
	}},
	{"the list of sent events has nil", sends("Said, nil", "Said"), []fix{
		{"Said, nil", "Said"},
		{"Said, nil", "Said, Left"},
	}},
	{"the list of sent events has a reserved name", sends(`wsgate.Event[int]("$said"), Said`, "Said"), []fix{
		{`"$said"`, `"count"`},
	}},
	{"the list of sent events has an event twice", sends(`Said, wsgate.Event[int]("said")`, "Said"), []fix{
		{`Said, wsgate.Event[int]("said")`, "Said"},
		{`wsgate.Event[int]("said")`, `wsgate.Event[int]("count")`},
	}},
	{"the list of sent events has a payload that has no JSON", sends(`Said, wsgate.Event[chan int]("done")`, "Said"), []fix{
		{"wsgate.Event[chan int]", "wsgate.Event[int]"},
	}},
	{"an event is sent that is not in the route's list", sends("Left", "Said"), []fix{
		{"Outgoing{Left}", "Outgoing{Left, Said}"},
		{"Emit(hub, ", `Emit(hub.At("/all"), `, "{Path:", `{Path: "/all", New: func() All { return All{} }}, {Path:`, "type Chat", `type All struct{}

func (All) OnOpen(ctx context.Context, c *wsgate.Conn[int]) error { return nil }

type Chat`},
	}},
	{"an event is sent that the route's list has with another payload", sends(`wsgate.Event[int]("said")`, "Said"), []fix{
		{`wsgate.Event[int]("said")`, "Said"},
	}},
	{"the event of presence is in the route's list with another payload", strings.Replace(presence("User", "wsgate.Track(People, known)"), "New: NewChat", `New: NewChat, Sends: []wsgate.Outgoing{wsgate.Event[int]("people")}`, 1) + user, []fix{
		{`wsgate.Event[int]("people")`, ""},
		{`wsgate.Event[int]("people")`, `wsgate.Event[int]("count")`},
	}},
	{"a payload has a Validate that is not called", offer("Price int") + `
func (o Offer) Validate() bool { return o.Price > 0 }
`, []fix{
		{"Validate() bool { return o.Price > 0 }", "Validate() error { return nil }"},
		{"Validate() bool", "IsValid() bool"},
		{"wsgate.Event[Offer]", "wsgate.Event[Payload]", "o Offer) error", "o Payload) error", "type Offer struct", "type Payload Offer\n\ntype Offer struct"},
	}},
	{"a payload looks different in another release of Go", gateway + `
type Offer struct {
	Price int ` + "`json:\"€\"`" + `
}

const Bid wsgate.Event[Offer] = "bid"

func (*Chat) onBid(ctx context.Context, c *wsgate.Conn[Member], o Offer) error { return nil }

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{wsgate.On(Bid, g.onBid)}
}
`, []fix{
		{"€", "euro"},
	}},
	{"a payload has an option of another release of Go", offer("Price int `json:\"price,case:strict\"`"), []fix{
		{",case:strict", ""},
		{",case:strict", "", "type Offer struct", ownJSON + "type Offer struct"},
	}},
	{"a payload has keys that another release of Go refuses", offer("Prices map[bool]int"), []fix{
		{"map[bool]int", "map[string]int"},
		{"map[bool]int", "map[int]int"},
		{"map[bool]int", "map[Truth]int", "type Offer struct", truth + "type Offer struct"},
	}},
	{"a payload has names that differ in case only", offer("Base\n\tPrice int `json:\"price\"`") + `
type Base struct{ PRICE int }
`, []fix{
		{`json:"price"`, `json:"euro"`},
	}},
	{"all fields of a payload are unexported", offer("price int"), []fix{
		{"price int", "Price int `json:\"price\"`"},
		{"type Offer struct", ownJSON + "type Offer struct"},
	}},
	{"all fields of an emitted payload are unexported", opener + `
type Line struct{ text string }

const Said wsgate.Event[Line] = "said"

func greet(c *wsgate.Conn[Member]) error { return Said.Emit(c, Line{"hello"}) }
`, []fix{
		{"{ text string }", "{ Text string `json:\"text\"` }"},
		{"type Line struct{ text string }", `type Line struct{ text string }

func (l Line) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

func (l *Line) UnmarshalJSON([]byte) error { return nil }`},
	}},
	{"two keys of the envelope are the same", module(`Gateways: []wsgate.Route{{Path: "/ws", New: NewChat, Envelope: wsgate.Envelope{Type: "kind", ID: "kind"}}}`), []fix{
		{`ID: "kind"`, `ID: "number"`},
	}},
	{"the error of an Emit that can fail is dropped", opener + `
const Said wsgate.Event[any] = "said"

func greet(c *wsgate.Conn[Member], whatever any) { Said.Emit(c, whatever) }
`, []fix{
		{"{ Said.Emit(c, whatever) }", "{ _ = Said.Emit(c, whatever) }"},
		{"whatever any) { Said", "whatever any) error { return Said"},
	}},
	{"the error of an Emit in a goroutine of its own is dropped", opener + `
const Said wsgate.Event[any] = "said"

func greet(c *wsgate.Conn[Member], whatever any) { go Said.Emit(c, whatever) }
`, []fix{
		{"go Said.Emit(c, whatever)", "go func() { _ = Said.Emit(c, whatever) }()"},
	}},
	{"a goroutine of a hook uses the connection's data", gateway + `
func (*Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error {
	go func() { println(c.Data.Name) }()
	return nil
}
`, []fix{
		{"go func() { println(c.Data.Name) }()", `name := c.Data.Name
	go func() { println(name) }()`},
	}},
}
