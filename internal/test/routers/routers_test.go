package routers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v5"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

type routerKey struct{} // of what a router has of a request, where it does not put it into the request's context itself

// router mounts the App below /t/{tenant}/ws, and finds the tenant in the context of a request.
type router struct {
	name   string
	mount  func(app http.Handler) http.Handler
	tenant func(ctx context.Context) (string, bool)
}

var routers = []router{
	{"chi", func(app http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Handle("/t/{tenant}/ws", app)
		r.Get("/t/{tenant}/plain", func(http.ResponseWriter, *http.Request) {})
		return r
	}, func(ctx context.Context) (string, bool) {
		if chi.RouteContext(ctx) == nil {
			return "", false
		}
		return chi.URLParamFromCtx(ctx, "tenant"), true
	}},
	{"gin", func(app http.Handler) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		r.Use(func(c *gin.Context) {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), routerKey{}, c))
		})
		r.Any("/t/:tenant/ws", gin.WrapH(app))
		r.GET("/t/:tenant/plain", func(*gin.Context) {})
		return r
	}, func(ctx context.Context) (string, bool) {
		c, ok := ctx.Value(routerKey{}).(*gin.Context)
		if !ok {
			return "", false
		}
		return c.Param("tenant"), true
	}},
	{"echo", func(app http.Handler) http.Handler {
		r := echo.New()
		r.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), routerKey{}, c)))
				return next(c)
			}
		})
		r.Any("/t/:tenant/ws", echo.WrapHandler(app))
		r.GET("/t/:tenant/plain", func(*echo.Context) error { return nil })
		return r
	}, func(ctx context.Context) (string, bool) {
		c, ok := ctx.Value(routerKey{}).(*echo.Context)
		if !ok {
			return "", false
		}
		return c.Param("tenant"), true
	}},
}

// tenants answers every message with the tenant as the connection's data has it, and what a hook finds in its context.
type tenants struct{ router router }

type conn = wsgate.Conn[string]

func (g *tenants) OnUpgrade(r *http.Request) (string, error) {
	tenant, ok := g.router.tenant(r.Context())
	if !ok {
		return "", errors.New("the request's context has no tenant")
	}
	return tenant, nil
}

func (g *tenants) OnMessage(ctx context.Context, c *conn, _ wsgate.Message) error {
	found, ok := g.router.tenant(ctx)
	if !ok {
		found = "none"
	}
	kept, _ := ctx.Value(keptKey{}).(string)
	return c.Send(wsgate.Text(strings.Join([]string{c.Data, found, kept}, " ")))
}

type keptKey struct{} // of the tenant in a connection's own context

// What a router has of a request is another request's as soon as the handler has returned. A connection has nothing of
// it but what OnUpgrade and ConnContext have taken out.
func TestTenants(t *testing.T) {
	const clients, questions = 4, 50
	for _, router := range routers {
		t.Run(router.name, func(t *testing.T) {
			server := serve(t, router, func(r *http.Request) context.Context {
				tenant, _ := router.tenant(r.Context())
				return context.WithValue(context.Background(), keptKey{}, tenant)
			})
			var working sync.WaitGroup
			for range clients {
				working.Go(func() {
					ws, _, err := websocket.Dial(t.Context(), server+"/t/acme/ws", nil)
					if err != nil {
						t.Error(err)
						return
					}
					defer ws.CloseNow()
					for range questions {
						if err := getPlain(t.Context(), server+"/t/evil/plain"); err != nil {
							t.Error(err)
							return
						}
						if got, err := ask(t.Context(), ws); err != nil || got != "acme none acme" {
							t.Errorf("got %q, %v, want the tenant in the data, none in the request's values, and the one that was kept", got, err)
							return
						}
					}
				})
			}
			working.Wait()
		})
	}
}

// An OnUpgrade that goes on after its time has the request to itself until it returns.
func TestLateUpgrade(t *testing.T) {
	for _, router := range routers {
		t.Run(router.name, func(t *testing.T) {
			late := &lateUpgrade{tenants{router}, make(chan struct{}), make(chan string, 1)}
			server := serveGateway(t, router, func() *lateUpgrade { return late }, &wsgate.Options{Limits: wsgate.Limits{Handshake: 50 * time.Millisecond}})
			_, response, err := websocket.Dial(t.Context(), server+"/t/acme/ws", nil)
			if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("got %v, want status 503", err)
			}
			for range 20 {
				if err := getPlain(t.Context(), server+"/t/evil/plain"); err != nil {
					t.Fatal(err)
				}
			}
			close(late.proceed)
			if tenant := <-late.tenant; tenant != "acme" {
				t.Errorf("the request's tenant has become %q", tenant)
			}
		})
	}
}

type lateUpgrade struct {
	tenants
	proceed chan struct{}
	tenant  chan string
}

func (g *lateUpgrade) OnUpgrade(r *http.Request) (string, error) {
	<-g.proceed
	tenant, _ := g.router.tenant(r.Context())
	g.tenant <- tenant
	return tenant, nil
}

func serve(t *testing.T, router router, connContext func(*http.Request) context.Context) (url string) {
	t.Helper()
	return serveGateway(t, router, func() *tenants { return &tenants{router} }, &wsgate.Options{ConnContext: connContext})
}

func serveGateway(t *testing.T, router router, gateway any, options *wsgate.Options) (url string) {
	t.Helper()
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/t/{tenant}/ws", New: gateway}}}, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(router.mount(app))
	t.Cleanup(func() {
		if err := app.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server.URL
}

func ask(ctx context.Context, ws *websocket.Conn) (string, error) {
	if err := ws.Write(ctx, websocket.MessageText, []byte("?")); err != nil {
		return "", err
	}
	_, answer, err := ws.Read(ctx)
	return string(answer), err
}

func getPlain(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
