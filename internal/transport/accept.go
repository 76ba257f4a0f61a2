package transport

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// AcceptOptions configures [Accept] and the connection that it returns.
type AcceptOptions struct {
	Subprotocols []string
	Compression  bool // offer permessage-deflate without context takeover
	Limits       *Limits
	Engine       *Engine
	Owner        Owner

	// Admit is called once the request is known to be a valid upgrade, before any response is sent. It checks the
	// Origin. A Refusal becomes the HTTP response. The connection's context has the values of the returned context, but
	// not its cancellation.
	Admit func() (values context.Context, refusal *Refusal)
}

// Accept upgrades the request or responds with an error. It keeps no reference to the request, so the HTTP handler may
// return. The first read cycle has begun, as if a message had been read.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	if r.ContentLength != 0 && r.ProtoMajor < 2 {
		// net/http drains the rest of a body before it releases the connection, however long that takes.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	if err := precheck(r, o.Subprotocols); err != nil {
		err.Write(w, r)
		return nil, err
	}
	u := &upgrade{ResponseWriter: w, request: r, options: o, subprotocol: firstOf(o.Subprotocols, offeredSubprotocols(r))}
	compression := websocket.CompressionDisabled
	if o.Compression {
		u.extensions = deflateAnswer(r)
	}
	if u.extensions != "" {
		r = withPlainOffer(r)
		compression = websocket.CompressionNoContextTakeover
	}
	ws, err := websocket.Accept(u, r, &websocket.AcceptOptions{
		Subprotocols:       o.Subprotocols,
		InsecureSkipVerify: true, // Admit checks the origin
		CompressionMode:    compression,
	})
	if u.refused != nil {
		return nil, u.refused
	}
	if err != nil {
		return nil, err
	}
	c := u.conn
	c.setParser(ws)
	c.ctx, c.cancel = context.WithCancelCause(u.values)
	c.startHeartbeat()
	c.cycle.begin(c)
	c.startParking()
	return c, nil
}

// Limits on a handshake's header fields. They are checked before a field is parsed or quoted in a response, because
// that costs many times its size and the client is not authenticated yet. Subprotocol names may be long, since some
// clients send a token there.
const (
	maxTokens = 64      // elements and parameters of all lists combined
	maxField  = 1 << 10 // bytes of each other field
)

// excessive describes the first limit that a handshake exceeds, or returns "".
func excessive(r *http.Request) string {
	if len(r.Host) > maxField {
		return "Host is too long"
	}
	for _, name := range [...]string{"Connection", "Upgrade", "Sec-Websocket-Version", "Sec-Websocket-Key", "Origin"} {
		size := 0
		for _, value := range r.Header[name] {
			size += len(value)
		}
		if size > maxField {
			return name + " is too long"
		}
	}
	tokens := 0
	for _, name := range [...]string{"Connection", "Upgrade", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"} {
		for _, value := range r.Header[name] {
			tokens += 1 + strings.Count(value, ",") + strings.Count(value, ";")
		}
	}
	if tokens > maxTokens {
		return fmt.Sprintf("more than %d subprotocols, extensions and parameters", maxTokens)
	}
	return ""
}

// precheck refuses requests that websocket.Accept would accept but should not.
func precheck(r *http.Request, subprotocols []string) *Refusal {
	bad := func(message string) *Refusal { return &Refusal{Status: http.StatusBadRequest, Message: message} }
	if what := excessive(r); what != "" {
		return &Refusal{Status: http.StatusRequestHeaderFieldsTooLarge, Message: what}
	}
	switch {
	case r.ProtoMajor >= 2:
		return otherVersion(r)
	case r.ContentLength != 0: // net/http would wait for the body before it answers
		return bad("an upgrade request has no body")
	case r.Host == "": // an origin without a host would be the same
		return bad("no host")
	case len(r.Header.Values("Origin")) > 1:
		return bad("more than one Origin header")
	}
	if offered := offeredSubprotocols(r); len(offered) > 0 && firstOf(subprotocols, offered) == "" {
		return bad("none of the offered subprotocols is supported")
	}
	return nil
}

// offeredSubprotocols returns the subprotocols that the client offers. Empty list elements are ignored (RFC 9110
// section 5.6.1).
func offeredSubprotocols(r *http.Request) (names []string) {
	for _, value := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// firstOf returns the first of the server's subprotocols that is offered. Names are compared exactly (RFC 6455 section
// 4.2.2), unlike in websocket.Accept.
func firstOf(own, offered []string) string {
	i := slices.IndexFunc(own, func(name string) bool { return slices.Contains(offered, name) })
	if i < 0 {
		return ""
	}
	return own[i]
}

// upgrade is the ResponseWriter passed to websocket.Accept. It holds back the 101 until Hijack, when all other checks
// have passed, so that Admit can still refuse the request.
type upgrade struct {
	http.ResponseWriter
	request     *http.Request
	options     *AcceptOptions
	subprotocol string
	extensions  string          // as they are answered
	values      context.Context // for the connection's context, from Admit
	conn        *Conn
	refused     *Refusal // set by Hijack, after responding
}

func (u *upgrade) WriteHeader(status int) {
	if status == http.StatusMethodNotAllowed {
		u.Header().Set("Allow", http.MethodGet)
	}
	if status != http.StatusSwitchingProtocols && u.refused == nil {
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *upgrade) Write(p []byte) (int, error) {
	if u.refused != nil {
		return len(p), nil // websocket.Accept reports the failed Hijack; the response was already sent
	}
	return u.ResponseWriter.Write(p)
}

// Unwrap is used by http.ResponseController.
func (u *upgrade) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func (u *upgrade) refuse(r *Refusal) error {
	u.refused = r
	for _, name := range []string{"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
		u.Header().Del(name)
	}
	r.Write(u.ResponseWriter, u.request)
	return r
}
