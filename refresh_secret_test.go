package wsgate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

const secret = "eyJhbGciOi.secret.signature"

// transcript is what a log and everybody else writes down.
type transcript struct {
	mu   sync.Mutex // guards following
	text bytes.Buffer
}

func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// quoted is an error of a careless library.
type quoted struct{ token string }

func (q quoted) Error() string { return "cannot parse " + q.token }

// A token is in no log, whatever a client does with it and whatever OnRefresh makes of it.
func TestTokenIsInNoLog(t *testing.T) {
	results := map[string]func(token string) error{
		"":             func(string) error { return errLogIn },
		"error":        func(token string) error { return fmt.Errorf("checking: %w", quoted{token}) },
		"joined":       func(token string) error { return errors.Join(errors.New("two"), quoted{token}) },
		"client error": func(token string) error { return wsgate.Errorf(wsgate.Denied, "no: %s", token) },
		"internal": func(token string) error {
			return fmt.Errorf("%w: %s", wsgate.Errorf(wsgate.Internal, "no"), token)
		},
		"details": func(token string) error {
			return &wsgate.Error{Code: wsgate.Denied, Message: token, Details: quoted{token}}
		},
		"close frame": func(token string) error { return websocket.CloseError{Code: 4000, Reason: token} },
		"panic":       func(token string) error { panic(quoted{token}) },
		"panic text":  func(token string) error { panic("token " + token) },
	}
	for name, result := range results {
		for form, text := range map[string]string{
			"right":              `{"type":"$refresh","id":1,"token":"S"}`,
			"without id":         `{"type":"$refresh","token":"S"}`,
			"cut":                `{"type":"$refresh","id":1,"token":"S"`,
			"twice":              `{"type":"$refresh","token":"S","token":"S"}`,
			"under data":         `{"type":"$refresh","id":1,"data":{"token":"S"}}`,
			"as data":            `{"type":"$refresh","id":1,"data":"S"}`,
			"in a list":          `{"type":"$refresh","id":1,"token":["S"]}`,
			"as an object":       `{"type":"$refresh","id":1,"token":{"S":"S"}}`,
			"another key":        `{"type":"$refresh","id":1,"jwt":"S"}`,
			"as a key":           `{"type":"$refresh","id":1,"S":true}`,
			"as id":              `{"type":"$refresh","id":"S"}`,
			"as name":            `{"type":"S","id":1}`,
			"as reserved name":   `{"type":"$S","id":1}`,
			"key in other case":  `{"Type":"$refresh","token":"S"}`,
			"name in other case": `{"type":"$REFRESH","token":"S"}`,
			"name with a space":  `{"type":"$refresh ","token":"S"}`,
			"another event":      `{"type":"promote","id":1,"data":{"S":"S"}}`,
			"bare":               `S`,
			"a JSON string":      `"S"`,
			"with a header":      `Authorization: Bearer S`,
			"binary":             "\x00S",
		} {
			kit.Bubble(t, name+"/"+form, func(t *testing.T) {
				var log transcript
				told := func(next wsgate.Handler) wsgate.Handler {
					return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
						err := next(ctx, c, in)
						if in.Hook == wsgate.HookRefresh || in.Hook == wsgate.HookClose {
							fmt.Fprintf(&log, "%+v %v %+v\n", in, err, err)
						}
						return err
					}
				}
				g := renews(func(token string) (member, error) { return member{}, result(token) })
				logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				app := serving(t, g, wstest.With(&wsgate.Options{Logger: logger, Use: []any{told}}))
				c := app.Dial("/")
				message := wsgate.Text(strings.ReplaceAll(text, "S", secret))
				if form == "binary" {
					message = wsgate.Binary(message.Data)
				}
				c.Send(message)
				wstest.Pass(0)
				for _, line := range g.closed.All() {
					fmt.Fprintln(&log, line)
				}
				if strings.Contains(log.String(), secret) {
					t.Errorf("the token is in the log:\n%s", log.String())
				}
				if form == "right" && !strings.Contains(log.String(), "refresh") {
					t.Errorf("the refresh is not in the log:\n%s", log.String())
				}
			})
		}
	}
}
