package wsgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/stack"
	"github.com/wsgate/wsgate/internal/timerwheel"
	"github.com/wsgate/wsgate/internal/transport"
	"github.com/wsgate/wsgate/internal/wiring"
)

// Options configures an App. The zero value and a nil *Options use the defaults.
type Options struct {
	// Logger logs what goes wrong: an internal error once, a panic with its stack. Default slog.Default().
	Logger *slog.Logger
	// Use is the middleware around every hook of every route. The first is the outermost. Each element is a [Middleware],
	// or a constructor of one, which asks for services as the constructors of a [Module] do:
	//
	//	func(services...) wsgate.Middleware
	//	func(services...) (wsgate.Middleware, error)
	//
	// A constructor is called once for each place where it is listed, when New builds the App. It can use every service
	// that is available to the whole App.
	Use []any
	// HTTP is ordinary HTTP middleware around everything the App serves, before the upgrade. Each element is a
	// func(http.Handler) http.Handler, or a constructor of one, as for Use. The first is the outermost.
	HTTP []any
	// ConnContext returns a context for all hooks of a connection, made from its upgrade request. Use it to keep what
	// hooks need besides the data, such as a logger or a trace id. It is called after OnUpgrade has accepted the request,
	// within the same time limit, on any goroutine. Only the values of the context that it returns are used.
	//
	// Copy the values into a new context, made from context.Background(). The values of a request's context must not be
	// used after its handler has returned: a router reuses them for the next request, and middleware ends its transaction
	// or span. So a context that is derived from the request's own is refused, and the client gets 500. Default nil: a
	// hook's context has no value of the request.
	ConnContext func(r *http.Request) context.Context
	// Origins are the hosts, besides the request's own, whose pages may connect. Each is a pattern as for path.Match, of
	// a host ("*.example.com", "localhost:8080", "[::1]:5173") or of a scheme and host ("https://example.com",
	// "capacitor://localhost"). "null" is the origin of sandboxed frames and files: any site can have it. The default
	// port of the scheme, 80 or 443, may be given or left out, in the patterns and in the request's Host. A request
	// without an Origin header does not come from a browser and is allowed. Default none.
	Origins []string
	// Hosts are the names by which clients reach the server: "chat.example.com", "localhost", or "*.example.com" for
	// everything below it. A request with another name in its Host header is answered with 421 before anything else sees
	// it. A request whose Host is an address, on any port, is allowed. Set Hosts for a server that listens on localhost
	// or in a private network: a page from elsewhere can reach it if the page's own host name was made to resolve there
	// (DNS rebinding), and then the page's origin is the server's. Default none: every name is allowed.
	Hosts []string
	// Compression offers permessage-deflate, without context takeover, to clients that ask for it. It costs time and
	// some memory. A compressed message must not mix secrets with text that a client chose (see CRIME). A client that
	// keeps its context in spite of the server's client_no_context_takeover loses its connection with 1007 at its second
	// compressed message. Default off.
	Compression bool
	// Limits apply to all routes that do not have their own.
	Limits Limits
	// Envelope applies to all routes that do not have their own.
	Envelope Envelope
	// CloseOldest closes a user's oldest connection, with [StatusReplaced] and the cause [ErrLimit], when a new one has
	// opened and exceeds [Limits].UserConnections. By default the new one is refused. In addition to the connections that
	// stay, a user may have at most the same number that are opening or closing; when another one comes, the oldest of
	// these is cut. CloseOldest without the limit is a start-up error.
	CloseOldest bool

	// Broker connects the App with others, so that what is sent to a room, a route or a user reaches the connections on
	// every node. Default none. The code that made the Broker closes it, after Run or Shutdown has returned.
	Broker Broker
	// OnBroker is called with nil when the message broker behind Broker is available, or available again, and with an
	// error when it is away. It also gets the App's Hub, to send something to the connections. The first call may come
	// before [App.Start] has returned. The calls are made on one of the App's goroutines, one at a time. None comes after
	// [App.Shutdown] has returned, unless Shutdown ran out of time. While a call blocks, a hundred states wait for it; of
	// any further ones only the latest is kept. Log lines about what the App does on its own wait as well; connections
	// and their messages do not.
	OnBroker func(hub *Hub, err error)
	// StartWithoutBroker starts the App even if the message broker is away: [App.Start] waits a second for it, and the
	// App joins its cluster later. Otherwise Start waits until its context is done, or 10 s, and fails with [ErrBroker].
	// If a gateway uses [Track], the same applies to a message broker that does not keep the tables which Track needs,
	// such as NATS without JetStream.
	StartWithoutBroker bool

	// Tracer has what handlers send to other nodes carry the traces that they belong to. Default none.
	Tracer Tracer
}

// App serves gateways. It is an http.Handler. [App.Run] and [App.Serve] also start and stop it.
type App struct {
	log         *slog.Logger
	limits      Limits
	compress    bool
	origins     originPatterns
	hosts       hostNames
	use         []any // as it was listed
	connContext func(*http.Request) context.Context
	hub         *Hub
	registry    *Registry
	lifecycle   *Lifecycle
	engine      *transport.Engine
	expiries    *timerwheel.Wheel // the ends of sessions; nil without any
	members     *hub.Hub
	hasBroker   bool
	plan        *wiring.Plan
	traces      traces
	logged      logLimit
	mistaken    sync.Map // keys of the mistakes that were logged, see isNewMistake
	handler     http.Handler
	mux         *http.ServeMux
	built       atomic.Bool // the routes have their gateways; until then only the fields set by prepareRoutes may be read

	values context.Context // parent of the contexts of all hooks
	cut    context.Context // done when Shutdown runs out of time
	cutNow context.CancelFunc

	mounting sync.Mutex // guards following
	patterns patterns   // what mux serves

	unreached atomic.Int32 // routes that no upgrade has reached yet, counted if there is HTTP middleware

	count  atomic.Int64 // connections, including those being upgraded
	warned atomic.Bool  // that a request came before Start

	draining atomic.Bool // Shutdown was called; set under mu

	mu     sync.Mutex    // guards following
	active int           // upgrades, calls of OnUpgrade, and connections
	idle   chan struct{} // closed when the App is draining and nothing is active

	departing schedule      // of the connections, while the App is draining
	departed  chan struct{} // closed when depart has returned
}

// New builds an App: the services and gateways of root and of everything it imports, each once. If there are mistakes
// that can be found without running a constructor, the error has all of them, each with where it was made and how to
// fix it. Otherwise the constructors run, and the error has everything that is found then: which constructors fail,
// and what is wrong with the tables of the gateways that they made, such as the types of payloads and the names of
// events.
func New(root *Module, opts *Options) (*App, error) {
	if opts == nil {
		opts = &Options{}
	}
	return newBuilder(opts).build(root)
}

// Hub returns the connections of the App, for code outside the container.
func (a *App) Hub() *Hub { return a.hub }

// Registry returns the routes that the App serves. No more routes can be registered with it.
func (a *App) Registry() *Registry { return a.registry }

// Invoke calls fn with services from the container, for wiring at start-up:
//
//	app.Invoke(func(n *Notifier) error { return app.Handle("POST /notify", n) })
//
// It returns fn's error, if fn returns one. If a service cannot be provided, the error says which.
func (a *App) Invoke(fn any) error {
	if !inspect.IsFunc(fn) {
		return &mistake.Mistake{What: "App.Invoke", Where: mistake.Caller(1), Have: inspect.NotFunc(fn), Want: "func(services...) or func(services...) error"}
	}
	return a.plan.Invoke(fn)
}

// ServeHTTP serves the gateways and what was mounted by [App.Handle]. If you mount an App in your own server, instead
// of using Run or Serve, call [App.Start] before and [App.Shutdown] after.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header["Upgrade"] != nil {
		stack.Grow8K() // what an upgrade needs
	}
	a.handler.ServeHTTP(w, r)
}

// Start runs the OnStart functions, see [Lifecycle]. Run and Serve call it. If it fails, it stops what had started. It
// logs the routes at debug level, and a warning for every default that protects the server or its users and has been
// relaxed by far.
func (a *App) Start(ctx context.Context) error {
	err := a.lifecycle.start(ctx)
	if err == nil {
		a.report(ctx)
		return nil
	}
	if errors.Is(err, errStarted) {
		return err
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.limits.Drain) // ctx may be done
	defer cancel()
	return errors.Join(err, a.lifecycle.stop(stop))
}

// Shutdown shuts the App down. From then on [App.Ready] returns an error, and new upgrades are answered with 503 and
// Retry-After. The connections leave one after the other, in random order, [Limits].DrainPace of them a second, so that
// the other nodes do not get all clients at once. Until its turn a connection is served as before.
//
// At its turn, a client is told to connect elsewhere. One that can, as those of this module can, does so first, and
// closes this connection when the new one is open; it may take [Limits].Close for that, and so may a handler in flight. Any
// other connection closes with 1012, two seconds after it was told: the contexts of its handlers are cancelled with the cause [ErrShutdown], a handler in flight finishes, and what
// is queued is written. When all connections have ended, the OnStop functions run. Shutdown returns what they return, and
// so nil when all went well.
//
// If ctx has a deadline, half of the time until then is for the turns: with more connections than that is enough for,
// they follow each other faster. After two thirds of it, what is left is closed. If ctx is done first, what remains is
// cut: the connections are closed without a handshake, the contexts of OnClose hooks are cancelled, the OnStop functions
// are called with a context that is done, and ctx's error is returned.
//
// Shutdown may be called more than once. All calls wait for the same shutdown, including those made after another has
// run out of time. The OnStop functions get the context of the first call. http.Server.Shutdown does none of this.
//
// Hooks, handlers, middleware, [Options].OnBroker and the functions of a [Lifecycle] cannot wait for a shutdown that
// waits for them: a call from one of them returns an error at once. Start a goroutine that calls it, with a context
// that lasts longer:
//
//	go app.Shutdown(context.WithoutCancel(ctx))
func (a *App) Shutdown(ctx context.Context) error {
	if err := a.checkCaller(ctx); err != nil {
		return err
	}
	a.departing.endBefore(ctx)
	first := a.drain()
	err := a.waitIdle(ctx)
	switch {
	case first:
		return errors.Join(err, a.lifecycle.stop(ctx))
	case err != nil:
		return err
	}
	return a.lifecycle.wait(ctx)
}

// drain makes the App refuse new upgrades. It reports whether this is the first call.
func (a *App) drain() (first bool) {
	a.mu.Lock()
	first = a.draining.CompareAndSwap(false, true)
	if first && a.active == 0 {
		close(a.idle)
	}
	a.mu.Unlock()
	if first {
		go a.depart() // waitIdle waits for it
	}
	return first
}

// waitIdle waits for the last connection. When ctx is done, it cuts those that remain.
func (a *App) waitIdle(ctx context.Context) error {
	if err := waitFor(ctx, a.idle); err != nil {
		err = fmt.Errorf("wsgate: shutting down: %w: %s", err, a.unfinished())
		a.cutAll()
		<-a.departed
		return err
	}
	<-a.departed
	a.engine.Stop()
	return nil
}

func (a *App) cutAll() {
	a.cutNow()
	for c := range a.hub.Conns() {
		c.base().t.Abort(websocket.StatusServiceRestart, shuttingDown, ErrShutdown)
	}
}

// begin counts an upgrade or connection. It reports false if no more are allowed.
func (a *App) begin() (ok bool, refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining.Load() {
		return false, "shutting down"
	}
	if max := a.limits.Connections; max > 0 && a.count.Load() >= int64(max) {
		return false, "too many connections"
	}
	a.count.Add(1)
	a.active++
	return true, ""
}

// end undoes begin.
func (a *App) end() {
	a.giveBack()
	a.release()
}

// giveBack frees a connection's slot in Limits.Connections; Shutdown still waits for the connection.
func (a *App) giveBack() { a.count.Add(-1) }

func (a *App) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active--; a.active == 0 && a.draining.Load() {
		close(a.idle)
	}
}
