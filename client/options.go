package client

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Options configure a [Client]. The zero value is usable. Functions are called like handlers, except for Handshake and Refresh.
type Options struct {
	// Header and Subprotocols are sent with every handshake. Handshake, if not nil, may change what the next attempt
	// sends: it is called before each, for a token that is still good. If it returns an error, the client tries again
	// later, unless the error is or wraps [ErrClosed]: then nobody is logged in, and the client stays away.
	Header       http.Header
	Subprotocols []string
	Handshake    func(context.Context, *Handshake) error

	// Refresh returns a token when the server asks for one, since the session ends soon: a new one, as the server has the
	// one of the handshake. It is called on a goroutine of its own, once at a time, and its context ends with the
	// connection. If it returns an error, OnError gets it, unless it is or wraps [ErrClosed]: nobody is logged in. The
	// server may ask again, and closes the connection with 4401 when it has got no token that is good. Then, and without
	// Refresh, the client connects again: Handshake is the place for the credentials of that.
	Refresh func(context.Context) (token string, err error)

	// HTTPClient makes the handshakes. The default is http.DefaultClient. A Timeout in it limits the connection as well.
	HTTPClient *http.Client

	// Envelope is that of the route. The zero value is the flat form.
	Envelope wsgate.Envelope

	// Reconnect lists codes of the application, from 4000 to 4999, after which the client connects again.
	Reconnect []websocket.StatusCode

	// Queue is how many messages may wait while there is no connection. The default is none: sending fails with
	// [ErrNotConnected]. Close drops what waits.
	Queue int

	// Inbox is how many messages may wait for handlers before the client stops reading. The default is 1024.
	Inbox int

	// ReadLimit is the maximum size of a message from the server in bytes. The default is 16 MiB.
	ReadLimit int64

	// Ping is after how long without anything from the server it is pinged. If nothing has arrived for twice as long
	// after that, the connection is lost. The server answers when it has handled what was sent before. The default is
	// 30 s; a negative value is for never.
	Ping time.Duration

	// OnState is called when the state has changed, before any message of the new connection is handled. When the client
	// has moved to another connection, the state is Connected once more.
	OnState func(context.Context, State)

	// OnError is called for what no function returns: an error from the server that answers nothing ([*wsgate.Error]), an
	// event without a handler, a payload that does not decode, a message that is not an envelope, and a panic of a
	// handler. By default it is logged; a panic is logged in any case.
	OnError func(context.Context, error)

	// OnText gets every text message as it is. It is for gateways with OnMessage: [On], [Call] and [Do] do not work then.
	OnText func(context.Context, string)

	// OnBinary gets every binary message.
	OnBinary func(context.Context, []byte)

	// Logger is slog.Default() if nil.
	Logger *slog.Logger
}

// Handshake is what one attempt to connect sends.
type Handshake struct {
	URL          string
	Header       http.Header
	Subprotocols []string
}

const (
	defaultInbox     = 1024
	defaultReadLimit = 16 << 20
	defaultPing      = 30 * time.Second

	maxInboxBytes    = 64 << 20         // while calls wait for their answers
	handshakeTimeout = 20 * time.Second // of one attempt
)

func (o *Options) withDefaults() Options {
	var with Options
	if o != nil {
		with = *o
	}
	if with.Inbox <= 0 {
		with.Inbox = defaultInbox
	}
	if with.ReadLimit == 0 {
		with.ReadLimit = defaultReadLimit
	}
	if with.Ping == 0 {
		with.Ping = defaultPing
	}
	if with.Logger == nil {
		with.Logger = slog.Default()
	}
	return with
}
