package routers_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"

	"github.com/wsgate/wsgate"
)

// loggers mount the App behind the access log of a router, which tells what it has noted.
var loggers = map[string]func(app http.Handler, tell func(status int, bytes int64)) http.Handler{
	"chi": func(app http.Handler, tell func(int, int64)) http.Handler {
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestLogger(chiLog(tell)))
		r.Handle("/*", app)
		return r
	},
	"gin": func(app http.Handler, tell func(int, int64)) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		r.Use(gin.LoggerWithFormatter(func(p gin.LogFormatterParams) string {
			tell(p.StatusCode, int64(p.BodySize))
			return ""
		}))
		r.Any("/*path", gin.WrapH(app))
		return r
	},
	"echo": func(app http.Handler, tell func(int, int64)) http.Handler {
		r := echo.New()
		r.Use(echomiddleware.RequestLoggerWithConfig(echomiddleware.RequestLoggerConfig{
			LogStatus: true, LogResponseSize: true,
			LogValuesFunc: func(_ *echo.Context, v echomiddleware.RequestLoggerValues) error {
				tell(v.Status, v.ResponseSize)
				return nil
			},
		}))
		r.Any("/*", echo.WrapHandler(app))
		return r
	},
}

type chiLog func(status int, bytes int64)

func (tell chiLog) NewLogEntry(*http.Request) chimiddleware.LogEntry { return tell }

func (tell chiLog) Write(status, bytes int, _ http.Header, _ time.Duration, _ any) {
	tell(status, int64(bytes))
}

func (chiLog) Panic(any, []byte) {}

// recorder is the middleware of somebody who has not thought of gin, whose ResponseWriter keeps the header.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// The access logs of the routers see the status of an upgrade and no bytes, and so does middleware between a router and
// the gateway. The server has nothing to complain of.
func TestAccessLog(t *testing.T) {
	for name, mount := range loggers {
		t.Run(name, func(t *testing.T) {
			noted := make(chan string, 4)
			within := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					rec := &recorder{w, http.StatusOK}
					next.ServeHTTP(rec, r)
					noted <- fmt.Sprint("within: ", rec.status)
				})
			}
			app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() *echoes { return &echoes{} }}}},
				&wsgate.Options{HTTP: []any{within}})
			if err != nil {
				t.Fatal(err)
			}
			defer app.Shutdown(t.Context())
			server := httptest.NewUnstartedServer(mount(app, func(status int, bytes int64) { noted <- fmt.Sprintf("%d, %d bytes", status, max(bytes, 0)) }))
			server.Config.ErrorLog = log.New(complaints{t}, "", 0)
			server.Start()
			defer server.Close()
			ws, _, err := websocket.Dial(t.Context(), server.URL+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			for _, want := range []string{"within: 101", "101, 0 bytes"} {
				if got := <-noted; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if got, err := ask(t.Context(), ws); err != nil || got != "?" {
				t.Errorf("got %q, %v, want the echo", got, err)
			}
		})
	}
}

// echoes answers every message with itself.
type echoes struct{}

func (*echoes) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	return c.Send(m)
}

// complaints is the log of a server.
type complaints struct{ t *testing.T }

func (c complaints) Write(p []byte) (int, error) {
	c.t.Errorf("the server logs %s", p)
	return len(p), nil
}
