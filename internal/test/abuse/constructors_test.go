package abuse

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Row 71: an App with a service that cannot be made is none, and one with a service that does not start does not serve.
// Either error says why.
func failingConstructors(t *testing.T) {
	errOwn := errors.New("the disk is full")
	type disk struct{}
	build := func(provide any) (*wsgate.App, error) {
		return wsgate.New(&wsgate.Module{
			Provide:  []any{provide},
			Gateways: []wsgate.Route{{Path: attacked, New: func(*disk) *gateway { return &gateway{entrance{book: newBook()}} }}},
		}, &wsgate.Options{Logger: slog.New(kit.NewLog())})
	}
	for name, provide := range map[string]any{
		"error": func() (*disk, error) { return nil, errOwn },
		"panic": func() *disk { panic(errOwn) },
	} {
		if _, err := build(provide); err == nil || !strings.Contains(err.Error(), errOwn.Error()) {
			t.Errorf("constructor with %s: New returned %v", name, err)
		}
	}
	for name, begin := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errOwn },
		"panic": func(context.Context) error { panic(errOwn) },
	} {
		stopped := 0
		app, err := build(func(l *wsgate.Lifecycle) *disk {
			l.OnStop(func(context.Context) error { stopped++; return nil })
			l.OnStart(begin)
			return &disk{}
		})
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Serve(t.Context(), ln); err == nil || !strings.Contains(err.Error(), errOwn.Error()) {
			t.Errorf("OnStart with %s: Serve returned %v", name, err)
		}
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			c.Close()
			t.Errorf("OnStart with %s: the listener is open", name)
		}
		if stopped != 1 {
			t.Errorf("OnStart with %s: what was there before it was stopped %d times, want 1", name, stopped)
		}
	}
}
