package transport

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// AcceptOptions says which upgrades are accepted and what holds for the connection.
type AcceptOptions struct {
	Subprotocols []string
	Origins      []string
	Compression  bool // offer permessage-deflate without context takeover
	Limits       *Limits
	Engine       *Engine

	// Values are what the connection's context gives, without its end.
	Values context.Context

	// Admit is called when the request has turned out to be a proper upgrade from an allowed origin, before anything
	// is answered. A Refusal becomes the HTTP answer.
	Admit func() *Refusal
}

// A Refusal is an HTTP answer to an upgrade request.
type Refusal struct {
	Status     int
	Message    string
	RetryAfter string
}

func (r *Refusal) Error() string { return r.Message }

// Write answers with the refusal.
func (r *Refusal) Write(w http.ResponseWriter) {
	if r.RetryAfter != "" {
		w.Header().Set("Retry-After", r.RetryAfter)
	}
	w.Header().Set("Connection", "close")
	http.Error(w, r.Message, r.Status)
}

// Accept upgrades the request or answers it with an error. Afterwards nothing of the request is kept, and the HTTP
// handler may return. The first turn has begun, as if a message had been read.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	if err := precheck(r, o.Subprotocols); err != nil {
		err.Write(w)
		return nil, err
	}
	compression := websocket.CompressionDisabled
	if o.Compression {
		compression = websocket.CompressionNoContextTakeover
	}
	u := &upgrade{ResponseWriter: w, options: o}
	ws, err := websocket.Accept(u, r, &websocket.AcceptOptions{
		Subprotocols:    o.Subprotocols,
		OriginPatterns:  o.Origins,
		CompressionMode: compression,
	})
	if err != nil {
		return nil, err
	}
	c := u.conn
	c.ws = ws
	ws.SetReadLimit(int64(o.Limits.Message))
	c.ctx, c.cancel = context.WithCancelCause(o.Values)
	c.startBeat()
	c.turn.begin(c)
	return c, nil
}

// precheck refuses what websocket.Accept would take and then suffer from.
func precheck(r *http.Request, subprotocols []string) *Refusal {
	bad := func(message string) *Refusal { return &Refusal{Status: http.StatusBadRequest, Message: message} }
	switch {
	case r.ContentLength != 0: // net/http would wait for the body before it answers
		return bad("an upgrade request has no body")
	case len(r.Header.Values("Origin")) > 1:
		return bad("more than one Origin header")
	}
	offered := r.Header.Values("Sec-WebSocket-Protocol")
	if len(offered) == 0 {
		return nil
	}
	for offer := range strings.SplitSeq(strings.Join(offered, ","), ",") {
		if slices.ContainsFunc(subprotocols, func(s string) bool { return strings.EqualFold(s, strings.TrimSpace(offer)) }) {
			return nil
		}
	}
	return bad("none of the offered subprotocols is supported")
}

// upgrade is the ResponseWriter that websocket.Accept gets. It holds back the 101 until Hijack, when everything else
// about the request was found right, so that Admit can still refuse it.
type upgrade struct {
	http.ResponseWriter
	options *AcceptOptions
	conn    *Conn
	refused bool
}

func (u *upgrade) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols && !u.refused {
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *upgrade) Write(p []byte) (int, error) {
	if u.refused {
		return len(p), nil // websocket.Accept reports the failed Hijack; the client was answered
	}
	return u.ResponseWriter.Write(p)
}

// Unwrap exists for http.ResponseController.
func (u *upgrade) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func (u *upgrade) refuse(r *Refusal) error {
	u.refused = true
	for _, name := range []string{"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
		u.Header().Del(name)
	}
	r.Write(u.ResponseWriter)
	return r
}
