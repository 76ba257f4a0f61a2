package transport

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AcceptOptions configures [Accept] and the connection that it returns.
type AcceptOptions struct {
	Subprotocols []string
	Compression  bool // offer permessage-deflate without context takeover
	Limits       *Limits
	Engine       *Engine
	Counters     *Counters
	Owner        Owner

	// Admit is called once the request is known to be a valid upgrade, before any response is sent. It checks the
	// Origin. A Refusal becomes the HTTP response. The connection's context has the values of the returned context, but
	// not its cancellation.
	Admit func() (values context.Context, refusal *Refusal)
}

// Accept upgrades the request or responds with an error, which is a [*Refusal] unless the client has gone. It keeps no reference to the request, so the HTTP handler may
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
	if err := verify(r, w.Header()); err != nil {
		err.Write(w, r)
		return nil, err
	}
	u := &upgrade{
		writer: w, request: r, options: o,
		subprotocol: firstOf(o.Subprotocols, offeredSubprotocols(r)),
	}
	if o.Compression {
		u.extensions = deflateAnswer(r)
	}
	c, err := u.open()
	if err != nil {
		return nil, err
	}
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
	for _, name := range [...]string{connectionHeader, upgradeHeader, versionHeader, keyHeader, "Origin"} {
		size := 0
		for _, value := range r.Header[name] {
			size += len(value)
		}
		if size > maxField {
			return name + " is too long"
		}
	}
	tokens := 0
	for _, name := range [...]string{connectionHeader, upgradeHeader, subprotocolHeader, extensionsHeader} {
		tokens += elements(r.Header[name])
	}
	if tokens > maxTokens {
		return fmt.Sprintf("more than %d subprotocols, extensions and parameters", maxTokens)
	}
	return ""
}

// elements returns how many elements and parameters there are in a header's lists.
func elements(lists []string) (n int) {
	for _, list := range lists {
		n += 1 + strings.Count(list, ",") + strings.Count(list, ";")
	}
	return n
}

// precheck refuses requests for what is beyond RFC 6455.
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
	case len(r.Header["Origin"]) > 1:
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
	for _, value := range r.Header[subprotocolHeader] {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// firstOf returns the first of the server's subprotocols that is offered. Names are compared exactly (RFC 6455 section
// 4.2.2).
func firstOf(own, offered []string) string {
	i := slices.IndexFunc(own, func(name string) bool { return slices.Contains(offered, name) })
	if i < 0 {
		return ""
	}
	return own[i]
}
