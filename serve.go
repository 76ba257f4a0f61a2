package wsgate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/wsgate/wsgate/internal/transport"
)

// Run listens on the TCP address and serves until ctx is done, then shuts down. See [App.Serve].
func (a *App) Run(ctx context.Context, addr string) error {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("wsgate: %w", err)
	}
	return a.Serve(ctx, ln)
}

const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	maxHeaderValues   = 500             // as of Go 1.27, net/http enforces a limit
	lastBodyTime      = 5 * time.Second // for a body that is still arriving when the server is done with it
)

// Serve starts the App and serves on the listener until ctx is done, then shuts down within [Limits].Drain. It returns
// nil after a shutdown in which every connection ended in time.
//
// When the shutdown begins, Serve closes the listener and idle connections, so that load balancers and clients turn to
// another node at once. Requests in flight finish, except those whose bodies are still arriving 5 s later.
func (a *App) Serve(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	if err := a.Start(ctx); err != nil {
		return err
	}
	a.log.InfoContext(ctx, "wsgate: serving", "addr", ln.Addr().String())
	draining, drain := context.WithCancel(context.Background())
	defer drain()
	server := &http.Server{
		Handler:           limitHeader(boundBodies(draining, a)),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       a.limits.Request,
		WriteTimeout:      max(a.limits.Request, a.limits.Handshake+readHeaderTimeout), // an upgrade may be refused as late as Handshake
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	var served error
	select {
	case served = <-failed:
		served = fmt.Errorf("wsgate: serving: %w", served)
	case <-ctx.Done():
	}
	drain()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.limits.Drain)
	defer cancel()
	ln.Close()
	if served == nil {
		<-failed
	}
	server.SetKeepAlivesEnabled(false) // closes idle connections; server.Shutdown alone would drop requests that still arrive
	err := errors.Join(served, a.Shutdown(last), server.Shutdown(last))
	server.Close()
	return err
}

// limitHeader refuses a request with too many values in its header.
func limitHeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := 1 // the Host, which is not in Header
		for _, v := range r.Header {
			values += len(v)
		}
		if values > maxHeaderValues {
			transport.CloseAfter(w, r)
			http.Error(w, "431 Request Header Fields Too Large", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// boundBodies bounds a body that is still arriving to lastBodyTime after draining is done or the handler has returned:
// net/http alone would wait for the whole read timeout. Upgrades have no body and are passed through.
func boundBodies(draining context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		bound := func(limit time.Duration) { _ = control.SetReadDeadline(time.Now().Add(limit)) }
		stop := context.AfterFunc(draining, func() { bound(lastBodyTime) })
		r.Body = &endingBody{r.Body, stop}
		defer func() {
			if arriving := stop(); !arriving {
				return
			}
			if w.Header().Get("Connection") == "close" {
				bound(0) // the connection closes, so the rest need not be read
			} else {
				bound(lastBodyTime)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// endingBody is a body that reports its end.
type endingBody struct {
	io.ReadCloser
	ended func() bool
}

func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended()
	}
	return n, err
}
