// Package wsgate serves WebSocket gateways: plain structs whose methods are found by reflection, once, at start-up.
//
// A gateway has any of the methods OnUpgrade, OnOpen, OnMessage and OnClose, or a table of typed events. A [Module]
// maps paths to gateways and lists the constructors of the services that they need; a container injects them. An [App]
// mounts everything on net/http. [github.com/coder/websocket] implements the protocol. This package delivers the
// messages.
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
// The hooks that a gateway may implement are listed as interfaces with one method each: [Upgrader], [Opener],
// [MessageHandler], [Closer] and [EventHandler]. All are optional. D is the type of a connection's own data. It is
// found in the signatures of the gateway's methods and is the same in all of them. If a method has the name of a hook
// but another signature, [New] returns an error that says where it is, what signature it has and what it should have.
// New reports every other mistake that can be found before the program serves in the same way, all in one error.
//
// # Events
//
// An [Event] or a [Call] is a constant. It joins a name on the wire with the types of its payload and answer, for the
// code that sends it and the code that handles it: a handler or a payload of another type does not compile. Messages
// are JSON text frames. By default they have the flat form, with the payload's own fields beside "type":
//
//	→ {"type":"join","room":"general"}                       an object payload
//	→ {"type":"say","data":"hello"}                          any other payload
//	→ {"type":"history","id":7,"limit":10}                   an id asks for an answer
//	← {"type":"history","id":7,"data":[{"from":"ann"}]}      the answer
//	← {"type":"error","id":7,"code":"invalid","message":"at most 100 lines, not 500"}
//
// An id is a JSON number or string of at most 64 bytes and is returned as it was sent. [Envelope] renames the keys or
// nests the payload. Duplicate keys, trailing data and nesting deeper than 64 levels are malformed.
//
// # Rooms
//
// A [Room] is a set of a gateway's connections: those that joined it by name, or all of them. Hooks get a room from
// their connection. All other code gets one from the [Hub], which any constructor can ask for. [Event.Emit] and Send
// take a connection, a room or the hub, encode once, and never block. To send more than a connection's queue holds,
// use [Conn.Paced].
//
// # Modules
//
// A [Module] is plain data: constructors, gateways, and the modules it imports. Services in Provide are available to
// the whole App, those in Private only to their module. A [Lifecycle] starts and stops what constructors made. Each
// constructor runs once, inside New.
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
// An error from OnUpgrade becomes an HTTP status. An error from OnOpen closes the connection. For one from OnRefresh see
// [Refresher].
//
// # Promises
//
//  1. Hooks and handlers of one connection run one at a time: OnOpen, then messages in the order in which they
//     arrived, with OnRefresh between them, then OnClose. They use Conn.Data without locks. Different connections run concurrently.
//  2. No message is handled before OnOpen has returned nil. If OnOpen returns an error, the connection closes and
//     OnClose is not called.
//  3. OnClose runs exactly once for every OnOpen that returned nil, after the last handler has returned, however the
//     connection ends. Its error is nil after a normal close and otherwise says why the connection ended. While
//     OnClose runs, the connection is still listed in its rooms, but nothing is delivered to it any more.
//  4. Emit, Send, Join, Leave and Close may be called from any goroutine. They never block, with two exceptions: Join
//     may wait for [Options].Broker, and sending through [Conn.Paced] may wait for the client. What one goroutine
//     sends to one connection, directly or through rooms, arrives in the order in which it was sent. Across nodes, so
//     does what one goroutine sends to one room. A broadcast reaches a connection at most once.
//  5. A client that does not take what is sent to it is disconnected with the cause [ErrSlowClient]. If its queue is
//     full, because it does not read or because more is sent than it can read, the connection closes with 1013. If it
//     takes nothing for too long, the connection ends without a close frame, because nobody would read one. No other
//     connection is affected. What is sent through [Conn.Paced] never fills the queue: it waits for the client.
//  6. A panic in a hook, handler or middleware is logged with its stack and closes that connection with 1011. Nothing
//     else is affected.
//  7. A handler's context is cancelled when its connection ends, or has its turn to end while the App shuts down.
//  8. Every request that carries an id gets exactly one answer: a reply or an error, even if the result is nil or the
//     event is unknown. After a panic, the close of the connection is the answer.
//  9. [App.Shutdown] answers new upgrades with 503, lets handlers in flight finish, writes what is queued, and closes
//     every connection that its client does not leave, with 1012, some at a time. It returns when every OnClose has
//     returned, or when its context is done; then the remaining connections are cut.
//
// Delivery is at most once: a message sent to a connection that breaks is lost, and nobody is told.
//
// # Several nodes
//
// With [Options].Broker the same program runs on several machines. What is sent to a room, to a route by [Hub.At], to
// the [Hub] or to a user by [Hub.User] reaches the connections on every node. It is encoded once, and published once
// for each route. [Track] keeps track of who is in a room, on any node. While the message broker is away, this node's
// connections are served as before, Emit and Send return [ErrBroker] at once, and [App.Ready] returns an error;
// nothing is kept for later. [Options].OnBroker is called on both transitions.
//
// # Middleware
//
// Ordinary func(http.Handler) http.Handler middleware wraps the App, or goes into Options.HTTP. It sees the upgrade
// request. The values it puts into the request's context are valid in OnUpgrade and nowhere later: a hook's context
// has none of them, except those that [Options].ConnContext copies. [Middleware] wraps hooks and handlers.
//
// # Limits
//
// [Limits] bounds everything that a client can make the server spend. Its defaults suit a public service. Requests
// from pages on another host than the server's are refused unless [Options].Origins allows them.
//
// # Tests
//
// Package [github.com/wsgate/wsgate/wstest] builds a module and connects clients to it in memory, also in fake time.
// [App.Explain] prints what was found in a module.
package wsgate
