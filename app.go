package wsgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/transport"
	"github.com/wsgate/wsgate/internal/wiring"
)

// Options are what an App can be told. The zero value, or nil in its place, works.
type Options struct {
	// Logger gets what goes wrong: an internal error once, a panic with its stack. Default slog.Default().
	Logger *slog.Logger
	// Use is the middleware around every hook of every route. The first is the outermost. Each is a [Middleware], or a
	// constructor of one, which asks for services as those of a [Module] do:
	//
	//	func(services...) wsgate.Middleware
	//	func(services...) (wsgate.Middleware, error)
	//
	// A constructor is called once for each place where it is listed, when New builds the App, and sees what the whole App
	// may use.
	Use []any
	// HTTP is ordinary HTTP middleware around everything the App serves, before the upgrade: func(http.Handler)
	// http.Handler, or a constructor of that, as for Use. The first is the outermost.
	HTTP []any
	// ConnContext returns a context for all hooks of a connection, made from its upgrade request: it takes out what they
	// need beside the data, a logger or the id of a trace. It is called after OnUpgrade has accepted the request, within
	// the same time, on any goroutine. Only the values of what it returns count.
	//
	// Nothing borrowed outlives its owner: a router uses what stands behind a request's values for the next request as
	// soon as the handler has returned, and middleware ends its transaction or span. So values are copied into a new
	// context, context.Background() for the first, and a context that is derived from the request's own is refused, with
	// 500 for the client. Default nil: the context of a hook has no value of the request.
	ConnContext func(r *http.Request) context.Context
	// Origins are the hosts, beside the request's own, whose pages may connect: patterns as for path.Match, of a host
	// ("*.example.com", "localhost:8080", "[::1]:5173") or of a scheme and host ("https://example.com"). A port that is the
	// scheme's own, 80 or 443, may be there or not, in all of them and in the request's Host. A request without an Origin
	// header does not come from a browser and is allowed. Default none.
	Origins []string
	// Hosts are the names by which clients reach the server: "chat.example.com", "localhost", or "*.example.com" for
	// everything below it. A request with another name in its Host is answered with 421 before anything else sees it; one
	// with an address, on any port, passes. Set them for what listens on localhost or in a private network, where a
	// page can reach it whose own name was made to resolve there (DNS rebinding): its origin is the server's. Default
	// none: every name passes.
	Hosts []string
	// Compression offers permessage-deflate, without context takeover, to clients that ask for it. It costs time and
	// some memory, and what is sent must not mix secrets with what a client chose (see CRIME). Default off.
	Compression bool
	// Limits hold for all routes that do not have their own.
	Limits Limits
	// Envelope holds for all routes that do not have their own.
	Envelope Envelope
	// CloseOldest closes a user's oldest connection, with [StatusReplaced] and the cause [ErrLimit], when a new one has opened
	// and exceeds [Limits].UserConnections; by default the new one is refused. Apart from those that stay, at most as many may
	// be opening or closing: the oldest of them is cut for the next. Without the limit it is a start-up error.
	CloseOldest bool

	// Broker connects the App with others, so that what is sent to a room, a route or a user reaches the connections on
	// every node. Default none. Whoever made it closes it, after Run or Shutdown have returned.
	Broker Broker
	// OnBroker is called with nil when the engine behind Broker is there, or there again, and with an error when it is
	// away; with the App's Hub, to send something to the connections. The first call may come before [App.Start] has
	// returned. The calls are on a goroutine of the App's, one at a time, and none comes after [App.Shutdown] has returned,
	// unless its time was over. While one blocks, states wait for it: a hundred, and of more the last. The log's lines of
	// what the App does on its own wait there, too; connections and their messages do not.
	OnBroker func(hub *Hub, err error)
	// StartWithoutBroker starts the App although the engine is away: [App.Start] waits a second for it, and the App joins
	// its cluster later. Else Start waits until its context is done, or 10 s, and fails with [ErrBroker]. The same holds for
	// an engine that does not keep the tables which [Track] needs, as NATS without JetStream, if a gateway tracks.
	StartWithoutBroker bool
}

// App serves gateways. It is an http.Handler; [App.Run] and [App.Serve] also start and stop it.
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
	members     *hub.Hub
	plan        *wiring.Plan
	logged      logLimit
	mistaken    sync.Map // the lines of the program whose mistakes were logged, by file and line
	handler     http.Handler
	mux         *http.ServeMux
	built       atomic.Bool // the routes have their gateways; until then only what prepareRoutes has set may be read

	values context.Context // what the contexts of all hooks have
	cut    context.Context // done when Shutdown's time is over
	cutNow context.CancelFunc

	count  atomic.Int64 // connections, with those that are being upgraded
	warned atomic.Bool  // that a request came before the start

	draining atomic.Bool // Shutdown was called; set under mu

	mu     sync.Mutex    // guards following
	active int           // upgrades, calls of OnUpgrade, and connections
	idle   chan struct{} // closed when the App is draining and nothing is active
}

// New builds an App: the services and gateways of root and of everything it imports, each once. Every mistake that can
// be found without running a constructor is in the error, each with where it was made and how to mend it. If there is none,
// the constructors run, and the error has all that is found then: which of them fail, and what is wrong with the tables of
// the gateways that they made, as with the types of payloads and with the names of events.
func New(root *Module, opts *Options) (*App, error) {
	if opts == nil {
		opts = &Options{}
	}
	return newBuilder(opts).build(root)
}

// Hub returns the connections of the App, for code outside the container.
func (a *App) Hub() *Hub { return a.hub }

// Registry returns the routes that the App serves. Nothing can be registered with it any more.
func (a *App) Registry() *Registry { return a.registry }

// Invoke calls fn with services from the container, for wiring at start-up:
//
//	app.Invoke(func(n *Notifier) error { return app.Handle("POST /notify", n) })
//
// It returns fn's error, if fn returns one, or says what cannot be provided.
func (a *App) Invoke(fn any) error {
	if !inspect.IsFunc(fn) {
		return &mistake.Mistake{What: "App.Invoke", Where: mistake.Caller(1), Have: inspect.NotFunc(fn), Want: "func(services...) or func(services...) error"}
	}
	return a.plan.Invoke(fn)
}

// Handle mounts an ordinary HTTP handler beside the gateways. The pattern is an http.ServeMux pattern; one that
// conflicts with another, or that no request matches, is an error. Call it before serving.
func (a *App) Handle(pattern string, h http.Handler) error {
	if f, ok := h.(http.HandlerFunc); h != nil && (!ok || f != nil) { // the mux refuses what is nil
		h = mounted{h}
	}
	what, where := fmt.Sprintf("App.Handle of pattern %q", pattern), mistake.Caller(1)
	if err := a.hosts.checkPattern(what, pattern, where); err != nil {
		return err
	}
	if reason := tryHandle(http.NewServeMux(), pattern, h); reason == "" && unreachable(pattern) {
		return &mistake.Mistake{
			What: what, Where: where, Have: "a pattern that no request matches",
			Want: `a method in upper case, a host in lower case and without a port, a path in its shortest form, as "GET chat.example.com/page"`,
		}
	}
	if reason := tryHandle(a.mux, pattern, h); reason != "" {
		reason, detail, _ := strings.Cut(reason, "\n")
		return &mistake.Mistake{What: what + ": " + strings.TrimSuffix(reason, ":"), Where: where, Have: detail}
	}
	return nil
}

// ServeHTTP serves the gateways, and what was mounted by [App.Handle]. An App that is mounted in a server of one's own,
// and not served by Run or Serve, needs [App.Start] before and [App.Shutdown] after.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Start runs the OnStart functions, see [Lifecycle]. Run and Serve call it. When it fails, what had started is
// stopped again. It logs the routes at debug level, and a warning for every default that protects the server or its
// users and was relaxed by far.
func (a *App) Start(ctx context.Context) error {
	err := a.lifecycle.start(ctx)
	if err == nil {
		a.report(ctx)
		return nil
	}
	if errors.Is(err, errStarted) {
		return err
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.limits.Drain) // ctx may be over
	defer cancel()
	return errors.Join(err, a.lifecycle.stop(stop))
}

// Shutdown ends the App: new upgrades are answered with 503 and Retry-After; the contexts of handlers are cancelled
// with the cause [ErrShutdown], and those in flight finish; what waits for clients is written; every connection closes
// with 1001; the OnStop functions run. It returns what they return, and so nil when all went well. If ctx is done first,
// what is left is cut: the connections are closed as they are, the contexts of OnClose hooks are cancelled, the OnStop
// functions are called with a context that is done, and ctx's error is returned.
//
// Shutdown may be called more than once: all calls wait for the same end, also those that come after another has run out
// of time. The OnStop functions get the first one's context. http.Server.Shutdown does nothing of this.
//
// A hook or handler, middleware, [Options].OnBroker and the functions of a [Lifecycle] cannot wait for an end that waits
// for them: a call from there returns an error at once. Have a goroutine call it, with a context that lasts longer:
//
//	go app.Shutdown(context.WithoutCancel(ctx))
func (a *App) Shutdown(ctx context.Context) error {
	if err := a.checkCaller(ctx); err != nil {
		return err
	}
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

// drain begins the end. It reports whether that is new.
func (a *App) drain() (first bool) {
	a.mu.Lock()
	first = a.draining.CompareAndSwap(false, true)
	if first && a.active == 0 {
		close(a.idle)
	}
	a.mu.Unlock()
	if first {
		for c := range a.hub.Conns() {
			c.base().shutdown()
		}
	}
	return first
}

// waitIdle waits for the last connection, or cuts what is left when ctx is done.
func (a *App) waitIdle(ctx context.Context) error {
	if err := waitFor(ctx, a.idle); err != nil {
		err = fmt.Errorf("wsgate: shutting down: %w: %s", err, a.unfinished())
		a.cutAll()
		return err
	}
	a.engine.Stop()
	return nil
}

func (a *App) cutAll() {
	a.cutNow()
	for c := range a.hub.Conns() {
		c.base().t.Abort(1001, "server shutting down", ErrShutdown)
	}
}

// begin counts an upgrade or connection. It reports false if there may be no more of them.
func (a *App) begin() (ok bool, refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining.Load() {
		return false, "shutting down"
	}
	if most := a.limits.Connections; most > 0 && a.count.Load() >= int64(most) {
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

// giveBack makes place for another connection; Shutdown still waits for this one.
func (a *App) giveBack() { a.count.Add(-1) }

func (a *App) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active--; a.active == 0 && a.draining.Load() {
		close(a.idle)
	}
}
