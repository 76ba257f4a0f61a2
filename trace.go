package wsgate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Tracer carries traces from one node to the others. Options.Tracer takes one; package metrics/otel has it. The methods
// may be called from any goroutine.
type Tracer interface {
	// Header returns a header that names the trace in ctx, in at most 512 bytes, or "" if it is not sampled. ctx is what
	// middleware has passed to a hook. What the hook then sends to a room or a route that it got from its connection takes
	// the header along to the other nodes.
	Header(ctx context.Context) string
	// Delivered is told when a message of another node that came with a header was queued for the connections of this
	// node. It is called on one of the App's goroutines, and may come late, or not at all if too many calls wait.
	Delivered(header, path string, receivers int, begun time.Time, took time.Duration)
}

// traces has the headers of the sampled traces of hooks that are running.
type traces struct {
	tracer  Tracer // nil for none
	running atomic.Int64
	headers sync.Map // *conn -> string
}

// innermostHandler returns the handler inside all middleware.
func (rt *route) innermostHandler() Handler {
	if rt.app.traces.tracer == nil {
		return rt.innermost
	}
	return func(ctx context.Context, c AnyConn, in Inbound) error {
		defer rt.app.traces.begin(ctx, c.base())()
		return rt.innermost(ctx, c, in)
	}
}

// begin returns a function that is called when the hook has returned.
func (t *traces) begin(ctx context.Context, c *conn) (end func()) {
	header := t.tracer.Header(ctx)
	if header == "" {
		return func() {}
	}
	t.headers.Store(c, header)
	t.running.Add(1)
	return func() {
		t.running.Add(-1)
		t.headers.Delete(c)
	}
}

// of returns the header of the connection's running hook, "" if there is none. c may be nil.
func (t *traces) of(c *conn) string {
	if c == nil || t.running.Load() == 0 {
		return ""
	}
	header, _ := t.headers.Load(c)
	text, _ := header.(string)
	return text
}
