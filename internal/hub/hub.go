// Package hub keeps an App's connections by route, room and user: those on this node and, by name, those on all
// others. It sends messages to sets of connections.
//
// It knows neither JSON nor hooks nor the type of a connection's data.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/transport"
)

// The errors of this package, which are wsgate's own.
var (
	ErrBroker     = errors.New("wsgate: the broker is not available")
	ErrNoResponse = errors.New("wsgate: no answer from some nodes")
	// ErrTooMany refuses another connection of a user.
	ErrTooMany = errors.New("wsgate: too many connections of this user")
)

// Config is what holds for all routes.
type Config struct {
	Engine *transport.Engine

	Broker       Broker          // nil for a node without others
	StartWithout bool            // Start does not fail while the Broker is away
	OnBroker     func(err error) // hears of its state; may be nil
	QueueBytes   int             // the largest of the routes'

	UserConnections int // 0 for no limit
	// Replace is the code with which one too many closes the user's oldest; 0 to be refused instead.
	Replace websocket.StatusCode

	// Log logs what the hub does on its own. It may be slow and may panic.
	Log func(level slog.Level, msg string, err error, args ...any)
}

// Broker is wsgate.Broker. It may be a PresenceStore as well.
type Broker interface {
	Publish(topic string, message []byte) error
	Subscribe(ctx context.Context, topic string, receive func(message []byte)) (unsubscribe func(), err error)
	Watch(changed func(err error)) (stop func())
}

// PresenceStore is wsgate.PresenceStore.
type PresenceStore interface {
	Update(ctx context.Context, table string, rows map[string][]byte) error
	Rows(ctx context.Context, table string) (map[string][]byte, error)
}

// Hub is the connections of an App.
type Hub struct {
	config    Config
	engine    *transport.Engine
	node      *cluster.Node
	store     PresenceStore // nil if the Broker is none
	check     *storeCheck
	callbacks callbacks // what may be the program's code is called there, and not under a lock
	users     userLimit
	routes    map[string]*Route // by path; never changes once a connection is there
}

// New returns a hub without routes.
func New(config Config) *Hub {
	h := &Hub{
		config: config, engine: config.Engine, routes: map[string]*Route{},
		users: userLimit{max: config.UserConnections, replace: config.Replace},
	}
	h.check = newStoreCheck(h)
	var broker cluster.Broker
	if config.Broker == nil {
		h.store = new(local.Broker)
	} else {
		safe := h.safe(config.Broker)
		h.store, _ = safe.(PresenceStore)
		broker = safe
	}
	h.node = cluster.New(broker, config.QueueBytes+maxConnID*maxExceptions)
	return h
}

// Start joins the other nodes.
func (h *Hub) Start(ctx context.Context) error {
	if h.config.Broker == nil {
		return nil
	}
	err := h.node.Start(ctx, h.config.StartWithout, cluster.Events{
		State: h.brokerChanged, Dead: h.nodeDied, Revived: h.resync, OnRequest: h.disconnectRequested,
	})
	if err != nil {
		return fmt.Errorf("%w: %w%s", ErrBroker, err, allTheSame)
	}
	if err = h.startStore(ctx); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
		defer cancel()
		_ = h.Close(closing)
	}
	return err
}

const allTheSame = "; set Options.StartWithoutBroker to start all the same"

// startStore returns an error if the PresenceStore is needed and does not work.
func (h *Hub) startStore(ctx context.Context) error {
	path, tracks := h.tracking()
	if !tracks {
		return nil
	}
	err := h.check.start(ctx)
	switch {
	case err == nil:
		return nil
	case h.config.StartWithout && ctx.Err() == nil:
		h.storeChanged(err)
		return nil
	}
	return fmt.Errorf("%w; route %q tracks who is in its rooms%s", err, path, allTheSame)
}

// tracking returns a route that keeps who is in its rooms, if there is one.
func (h *Hub) tracking() (path string, ok bool) {
	for path, rt := range h.routes {
		if rt.Tracks() {
			return path, true
		}
	}
	return "", false
}

// Close leaves the other nodes, when no connection is left.
func (h *Hub) Close(ctx context.Context) error {
	h.check.stop(ctx)
	for _, rt := range h.routes {
		if rt.presence != nil {
			rt.presence.Close(ctx)
		}
	}
	h.node.Close()
	return nil
}

// Away returns an [ErrBroker] while the message broker is away, or while the PresenceStore fails, if it is needed.
func (h *Hub) Away() error {
	if err := h.node.Away(); err != nil {
		return brokerError(err)
	}
	return h.check.err()
}

// RemoteDropped returns the number of messages from other nodes that were dropped: what no node sends, or sends twice or
// too late.
func (h *Hub) RemoteDropped() uint64 { return h.node.RemoteDropped() }

// Callback has a function of the program's, or one that may call one, called soon, one after another and never under a
// lock. It is dropped if too many wait.
func (h *Hub) Callback(call func()) { h.callbacks.tell(call) }

// EndCallbacks returns when every callback has been called; those that have not when ctx is done are dropped.
func (h *Hub) EndCallbacks(ctx context.Context) error { return h.callbacks.stop(ctx) }

// log logs by a callback.
func (h *Hub) log(level slog.Level, msg string, err error, args ...any) {
	h.callbacks.tell(func() { h.config.Log(level, msg, err, args...) })
}

// brokerChanged is told that the message broker is away, or available (again).
func (h *Hub) brokerChanged(err error) {
	if err == nil {
		h.resync()
		h.check.again()
	}
	h.callbacks.tellState(func() {
		if err != nil {
			h.config.Log(slog.LevelError, "wsgate: the broker is away: messages reach the connections of this node only", err)
		} else {
			h.config.Log(slog.LevelInfo, "wsgate: the broker is there", nil)
		}
		if h.config.OnBroker == nil {
			return
		}
		if err := guard.Call(func() error { h.config.OnBroker(err); return nil }); err != nil {
			h.config.Log(slog.LevelError, "wsgate: Options.OnBroker", err)
		}
	})
}

// storeChanged hears that the PresenceStore fails, or that it works again.
func (h *Hub) storeChanged(err error) {
	if err != nil {
		h.log(slog.LevelError, "wsgate: who is present on other nodes is not known", err)
	} else {
		h.log(slog.LevelInfo, "wsgate: the PresenceStore works", nil)
	}
}

// brokerError is an error with which something could not go to other nodes.
func brokerError(err error) error {
	if err == nil {
		return nil
	}
	var silent *cluster.SilentError
	if errors.As(err, &silent) {
		return fmt.Errorf("%w: %w", ErrNoResponse, err)
	}
	return fmt.Errorf("%w: %w", ErrBroker, err)
}

// nodeDied and resync are for all routes.
func (h *Hub) nodeDied(node string) {
	for _, rt := range h.routes {
		if rt.presence != nil {
			rt.presence.Dead(node)
		}
	}
}

func (h *Hub) resync() {
	for _, rt := range h.routes {
		if rt.presence != nil {
			rt.presence.Resync()
		}
	}
}
