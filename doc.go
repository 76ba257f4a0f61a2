// Package wsgate serves WebSocket gateways: plain structs whose methods are found by reflection, once, at start-up.
//
// A gateway has any of the methods OnUpgrade, OnOpen, OnMessage and OnClose, or a table of typed events. A [Module]
// maps paths to gateways and says which services their constructors need; a container injects them. An [App] mounts it
// all on net/http. The protocol is kept by [github.com/coder/websocket], the delivery of messages is this package's own.
//
// This program serves chat rooms at ws://localhost:3100/ws/chat/{room}?name=you:
//
//	const (
//		Say  wsgate.Event[string] = "say"  // a member speaks
//		Said wsgate.Event[Line]   = "said" // the room hears
//	)
//
//	type Line struct {
//		From string `json:"from"`
//		Text string `json:"text"`
//	}
//
//	// Member is what the server knows about one connection.
//	type Member struct{ Name, Room string }
//
//	// Store writes down what is said.
//	type Store struct{ file *os.File }
//
//	func NewStore() (*Store, error) {
//		file, err := os.OpenFile("chat.log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
//		return &Store{file}, err
//	}
//
//	func (s *Store) Save(line Line) error {
//		_, err := fmt.Fprintf(s.file, "%s: %q\n", line.From, line.Text)
//		return err
//	}
//
//	// Chat is one gateway for all connections; each connection has its own Member.
//	type Chat struct{ store *Store }
//
//	func NewChat(store *Store) *Chat { return &Chat{store} }
//
//	func (g *Chat) OnUpgrade(r *http.Request) (Member, error) {
//		return Member{Name: r.FormValue("name"), Room: r.PathValue("room")}, nil
//	}
//
//	func (g *Chat) OnOpen(ctx context.Context, c *wsgate.Conn[Member]) error {
//		return c.Join(c.Data.Room)
//	}
//
//	func (g *Chat) Events() wsgate.Events[Member] {
//		return wsgate.Events[Member]{wsgate.On(Say, g.say)}
//	}
//
//	func (g *Chat) say(ctx context.Context, c *wsgate.Conn[Member], text string) error {
//		line := Line{From: c.Data.Name, Text: text}
//		if err := g.store.Save(line); err != nil {
//			return err
//		}
//		return Said.Emit(c.Room(c.Data.Room), line)
//	}
//
//	var Module = &wsgate.Module{
//		Provide:  []any{NewStore},
//		Gateways: []wsgate.Route{{Path: "/ws/chat/{room}", New: NewChat}},
//	}
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//		defer stop()
//		app, err := wsgate.New(Module, nil)
//		if err != nil {
//			log.Fatal(err)
//		}
//		if err := app.Run(ctx, "localhost:3100"); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// # Gateways
//
// What a gateway may implement is listed as interfaces with one method each: [Upgrader], [Opener], [MessageHandler],
// [Closer] and [EventHandler]. All are optional. The type D of the data that a connection has of its own is found in
// the gateway's own signatures, and is the same in all of them. A method with the name of a hook and another signature
// is an error of [New], with the place, what it has and what it should have; so is every other mistake that can be
// found before the program serves, all in one error.
//
// # Events
//
// An [Event] or a [Call] is a constant that joins a name on the wire with the types of its payload and answer, for
// those who send it and those who handle it: a handler or a payload of another type does not compile. Messages are JSON
// text frames, by default in the flat form, the payload's own fields beside "type":
//
//	→ {"type":"join","room":"general"}                       an object payload
//	→ {"type":"say","data":"hello"}                          any other payload
//	→ {"type":"history","id":7,"limit":10}                   an id asks for an answer
//	← {"type":"history","id":7,"data":[{"from":"ann"}]}      the answer
//	← {"type":"error","id":7,"code":"invalid","message":"at most 100 lines, not 500"}
//
// An id is a JSON number or string of at most 64 bytes and comes back as it was sent. [Envelope] renames the keys or
// nests the payload. Duplicate keys, trailing data and nesting deeper than 64 levels are malformed.
//
// # Rooms
//
// A [Room] is some of a gateway's connections: those that joined it by name, or all of them. Hooks get one from their
// connection, everybody else from the [Hub], which any constructor can ask for. [Event.Emit] and Send take a connection,
// a room or the hub, encode once, and never block. What is more than a connection's queue holds goes to [Conn.Paced].
//
// # Modules
//
// A [Module] is plain data: constructors, gateways, and the modules it imports. Services in Provide are for the whole
// App, those in Private for the module only. A [Lifecycle] starts and stops what constructors made. Each constructor
// runs once, inside New.
//
// # Errors
//
// What a hook or handler returns decides what happens:
//
//	nil                   the client gets the answer, if it asked with an id
//	*Error, also wrapped  it gets {"type":"error","code":…,"message":…} and stays connected
//	websocket.CloseError  the connection closes with that frame
//	any other error       it gets code "internal"; the error itself is logged
//	a panic               the connection closes with 1011; the stack is logged
//
// From OnUpgrade an error becomes an HTTP status, from OnOpen it closes the connection.
//
// # Promises
//
//  1. For one connection hooks and handlers run one at a time: OnOpen, then messages in the order in which they
//     arrived, then OnClose. They use Conn.Data without locks. Different connections run concurrently.
//  2. No message is handled before OnOpen returned nil. If it returns an error the connection closes, and OnClose is
//     not called.
//  3. OnClose runs exactly once for every OnOpen that returned nil, after the last handler returned, however the
//     connection ends. Its error is nil after a normal close and otherwise says why. The connection is still listed in
//     its rooms meanwhile, and nothing is delivered to it any more.
//  4. Emit, Send, Join, Leave and Close may be called from any goroutine and never block, except that Join may wait for
//     [Options].Broker, and a sender by [Conn.Paced] for the client. What one goroutine sends to one connection, directly
//     or through rooms, arrives in that order; across nodes, what it sends to one room does. A broadcast reaches a
//     connection at most once.
//  5. A client that does not take what is sent to it is disconnected, with the cause [ErrSlowClient]. When its queue is
//     full, because it does not read or because more is sent than it can read meanwhile, it is closed with 1013; when it
//     takes nothing for too long, without a close frame, which nobody would read. Nobody else notices. What is sent by
//     [Conn.Paced] fills no queue: it waits for the client.
//  6. A panic in a hook, handler or middleware is logged with its stack, closes that one connection with 1011, and
//     touches nothing else.
//  7. A handler's context is cancelled when its connection ends or the App shuts down.
//  8. Every request that carries an id gets exactly one answer: a reply or an error, also for a nil result and for an
//     unknown event; after a panic the close of the connection is the answer.
//  9. [App.Shutdown] answers new upgrades with 503, lets handlers in flight finish, writes what waits, closes every
//     connection with 1001, and returns when every OnClose has; or when its context is done, and the rest is cut.
//
// Delivery is at most once: a message that was sent to a connection that breaks is lost, and nobody is told.
//
// # Several nodes
//
// With [Options].Broker the same program runs on several machines: what is sent to a room, to a route by [Hub.At], to
// the [Hub] or to a user by [Hub.User] reaches the connections on every node, encoded once and published once for each
// route. [Track] keeps who is in a room on any node. While the engine behind the Broker is away, this node's
// connections are served as before, Emit and Send return [ErrBroker] at once, and [App.Ready] says so; nothing is kept
// for later. [Options].OnBroker is called on both transitions.
//
// # Middleware
//
// Ordinary func(http.Handler) http.Handler middleware goes around the App, or into Options.HTTP; it sees the upgrade
// request. The values it puts into the request's context are valid in OnUpgrade, and nowhere later: a hook's context has
// none of them but what [Options].ConnContext takes out. [Middleware] goes around hooks and handlers.
//
// # Limits
//
// Everything a client can make the server spend is bounded by [Limits], whose defaults suit a public service. Requests
// from pages of another host than the server's are refused unless [Options].Origins allows them.
//
// # Tests
//
// Package [github.com/wsgate/wsgate/wstest] builds a module and connects clients to it in memory, also in fake time.
// [App.Explain] prints what was found in a module.
package wsgate
