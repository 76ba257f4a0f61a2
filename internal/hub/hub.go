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
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/transport"
)

// Errors that package wsgate exports.
var (
	ErrBroker     = errors.New("wsgate: the broker is not available")
	ErrNoResponse = errors.New("wsgate: no answer from some nodes")
	// ErrTooMany refuses another connection of a user.
	ErrTooMany = errors.New("wsgate: too many connections of this user")
)

// Config is the configuration for all routes.
type Config struct {
	Engine *transport.Engine

	Broker       Broker          // nil for a single node
	StartWithout bool            // Start does not fail while the Broker is away
	OnBroker     func(err error) // called with its state; may be nil
	QueueBytes   int             // the largest of the routes' limits

	UserConnections int // 0 for no limit
	// Replace is the close code for a user's oldest connection when a new one exceeds the limit; 0 refuses the new one
	// instead.
	Replace websocket.StatusCode

	// Refresh renews the session of a member of this node. all tells that those of everybody else are renewed as well. It
	// does not block.
	Refresh func(m *Member, all bool)

	// Traced is called with the header of a message from another node, when it was delivered. It may be nil, may be slow
	// and may panic.
	Traced func(header, path string, receivers int, begun time.Time, took time.Duration)

	// Log logs background work of the hub. It may be slow and may panic.
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
	store     PresenceStore // nil if the Broker does not implement it
	check     *storeCheck
	callbacks callbacks // runs calls that may be user code, outside of all locks
	users     userLimit
	routes    map[string]*Route // by path; fixed before the first connection
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
	h.node = cluster.New(broker, config.QueueBytes+maxConnID*maxExceptions+maxTrace)
	return h
}

// Start joins the cluster.
func (h *Hub) Start(ctx context.Context) error {
	if h.config.Broker == nil {
		return nil
	}
	err := h.node.Start(ctx, h.config.StartWithout, cluster.Events{
		State: h.brokerChanged, Dead: h.nodeDied, Revived: h.resync, OnRequest: h.requested,
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

// tracking returns a route with presence, if there is one.
func (h *Hub) tracking() (path string, ok bool) {
	for path, rt := range h.routes {
		if rt.Tracks() {
			return path, true
		}
	}
	return "", false
}

// Close leaves the cluster. No connection is left.
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

// BrokerAway returns why the message broker is not available, nil if it is.
func (h *Hub) BrokerAway() error { return h.node.Away() }

// Callback queues a function that may call user code. Such functions run one at a time and never under a lock. It drops
// the function if the queue is full.
func (h *Hub) Callback(call func()) { h.callbacks.tell(call) }

// EndCallbacks waits until every callback has been called. When ctx is done, it drops those that have not.
func (h *Hub) EndCallbacks(ctx context.Context) error { return h.callbacks.stop(ctx) }

// log logs in a callback.
func (h *Hub) log(level slog.Level, msg string, err error, args ...any) {
	h.callbacks.tell(func() { h.config.Log(level, msg, err, args...) })
}

// brokerChanged is called when the message broker becomes available, or is away.
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

// storeChanged is called when the PresenceStore fails, or works again.
func (h *Hub) storeChanged(err error) {
	if err != nil {
		h.log(slog.LevelError, "wsgate: who is present on other nodes is not known", err)
	} else {
		h.log(slog.LevelInfo, "wsgate: the PresenceStore works", nil)
	}
}

// brokerError wraps an error that kept a message or request from other nodes.
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

// nodeDied and resync notify the trackers of all routes.
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
