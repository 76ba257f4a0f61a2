package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// A Refusal is an HTTP answer to an upgrade request.
type Refusal struct {
	Status     int
	Message    string
	JSON       []byte // the body for a client that asks for JSON, in place of Message; nil for none
	RetryAfter string
	Cause      error // what is wrong with the server, which refuses all upgrades like this one; not for clients
}

func (refusal *Refusal) Error() string { return refusal.Message }

// Write answers with the refusal and ends the connection, whose client wanted another protocol.
func (refusal *Refusal) Write(w http.ResponseWriter, r *http.Request) {
	CloseAfter(w, r)
	refusal.Answer(w)
}

// Answer answers with the refusal. A Flush sends the whole answer, although the handler may take longer, unless a
// ResponseWriter of the application's encodes it: then its length is not known here.
func (refusal *Refusal) Answer(w http.ResponseWriter) {
	h := w.Header()
	if refusal.RetryAfter != "" {
		h.Set("Retry-After", refusal.RetryAfter)
	}
	kind, body := "text/plain; charset=utf-8", refusal.Message+"\n"
	if refusal.JSON != nil {
		kind, body = "application/json", string(refusal.JSON)+"\n"
	}
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	if h.Get("Content-Encoding") == "" {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(refusal.Status)
	_, _ = io.WriteString(w, body)
}

// CloseAfter has the connection end with the answer. From HTTP/2 on, where other requests share the connection and
// nothing about it may stand in a header (RFC 9113 section 8.2.2), it goes on.
func CloseAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 {
		w.Header().Set("Connection", "close")
	}
}

// otherVersion refuses a request of HTTP/2 or later. 426 would be right only with an Upgrade in its header (RFC 9110
// section 15.5.22), which there may not be. No status makes a browser try HTTP/1.1 after an extended CONNECT (RFC 8441).
func otherVersion(r *http.Request) *Refusal {
	refusal := &Refusal{Status: http.StatusBadRequest, Message: fmt.Sprintf("a WebSocket is opened over HTTP/1.1, and this is %s", r.Proto)}
	if r.Method == http.MethodConnect {
		refusal.Status, refusal.Cause = http.StatusNotImplemented, ErrExtendedConnect // RFC 9220 section 3
	}
	return refusal
}

// ErrExtendedConnect is the cause of refusing an extended CONNECT, which clients make only if the server offers it.
var ErrExtendedConnect = errors.New("extended CONNECT is not supported")

// NotHijackable is the cause of refusing an upgrade because a ResponseWriter does not hand over the connection.
type NotHijackable struct {
	Writer string // its type
	Err    error  // from its Hijack; nil if it has none
}

func (n *NotHijackable) Error() string {
	return fmt.Sprintf("a ResponseWriter of type %s cannot be hijacked", n.Writer)
}
