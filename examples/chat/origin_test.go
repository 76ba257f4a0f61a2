package main_test

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/wsgate/wsgate"
)

// What a browser sends for a page without a host of its own is what Options.Origins takes for it.
func TestOriginsWithoutHost(t *testing.T) {
	b := startBrowser(t)
	for _, test := range []struct {
		name string
		open func(t *testing.T, page string) string // returns where there is such a page
	}{
		{"file", writeFile},
		{"sandboxed frame", func(t *testing.T, page string) string {
			return servePage(t, `<iframe sandbox="allow-scripts" srcdoc="`+html.EscapeString(page)+`"></iframe>`)
		}},
		{"frame with a data URL", func(t *testing.T, page string) string {
			return servePage(t, `<iframe src="`+dataURL(page)+`"></iframe>`)
		}},
	} {
		for _, listed := range [][]string{nil, {"null"}} {
			t.Run(fmt.Sprintf("%s, listed %v", test.name, listed), func(t *testing.T) {
				server, upgrades := upgradeServer(t, listed)
				page := `<script>new WebSocket("` + strings.Replace(server, "http", "ws", 1) + `/ws")</script>`
				ctx, cancel := context.WithTimeout(b.NewWindow(t).Ctx, patience)
				defer cancel()
				if err := chromedp.Do(ctx, chromedp.Navigate(test.open(t, page))); err != nil {
					t.Fatal(err)
				}
				want := upgrade{"null", http.StatusForbidden}
				if listed != nil {
					want.status = http.StatusSwitchingProtocols
				}
				select {
				case got := <-upgrades:
					if got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
				case <-ctx.Done():
					t.Fatal("the page has not tried to connect")
				}
			})
		}
	}
}

// upgrade is what a page asked for, and what became of it.
type upgrade struct {
	origin string
	status int
}

type silent struct{}

func (silent) OnOpen(context.Context, *wsgate.Conn[struct{}]) error { return nil }

// upgradeServer serves a gateway at /ws to pages of these origins.
func upgradeServer(t *testing.T, origins []string) (address string, upgrades <-chan upgrade) {
	t.Helper()
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() silent { return silent{} }}}}, &wsgate.Options{Origins: origins, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan upgrade, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		app.ServeHTTP(seen, r)
		done <- upgrade{r.Header.Get("Origin"), seen.status}
	}))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // the page is still there
		defer cancel()
		_ = app.Shutdown(ctx)
		server.Close()
	})
	return server.URL, done
}

// statusWriter keeps the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func writeFile(t *testing.T, page string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

func dataURL(page string) string { return "data:text/html," + url.PathEscape(page) }

// servePage serves one page.
func servePage(t *testing.T, page string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
