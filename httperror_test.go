package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// treacherous is an error whose methods panic.
type treacherous struct{}

func (treacherous) Error() string { panic("no text") }
func (treacherous) As(any) bool   { panic("not this either") }

// badDetails has no JSON.
type badDetails struct{}

func (badDetails) MarshalJSON() ([]byte, error) { panic("no JSON") }

// An error is the same over HTTP as in the answer to an upgrade.
func TestHTTPErrorIsWhatAnUpgradeGives(t *testing.T) {
	secret := errors.New("bank: connection to 10.0.0.7 refused")
	for _, test := range []struct {
		name   string
		err    error
		status int
		text   string
		json   string
		logged bool
	}{
		{"own", wsgate.Errorf(wsgate.Denied, "not %q", "you"), 403, `not "you"`, `{"code":"denied","message":"not \"you\""}`, false},
		{"wrapped", fmt.Errorf("saving: %w", wsgate.Errorf(wsgate.NotFound, "no such room")), 404, "no such room", `{"code":"not_found","message":"no such room"}`, false},
		{
			"details", &wsgate.Error{Code: wsgate.Conflict, Message: "sold", Details: map[string]int{"left": 0}}, 409, "sold",
			`{"code":"conflict","message":"sold","details":{"left":0}}`, false,
		},
		{"malformed", wsgate.Errorf(wsgate.Malformed, "?"), 400, "?", `{"code":"malformed","message":"?"}`, false},
		{"unsupported", wsgate.Errorf(wsgate.Unsupported, "?"), 415, "?", `{"code":"unsupported","message":"?"}`, false},
		{"unauthenticated", wsgate.Errorf(wsgate.Unauthenticated, "who?"), 401, "who?", `{"code":"unauthenticated","message":"who?"}`, false},
		{"rate", wsgate.Errorf(wsgate.RateLimited, "slower"), 429, "slower", `{"code":"rate_limited","message":"slower"}`, false},
		{"unavailable", wsgate.Errorf(wsgate.Unavailable, "later"), 503, "later", `{"code":"unavailable","message":"later"}`, false},
		{"broker", fmt.Errorf("emit: %w", wsgate.ErrBroker), 503, "not everybody can be reached", `{"code":"unavailable","message":"not everybody can be reached"}`, false},
		{"a code of one's own", wsgate.Errorf("sold_out", "gone"), 500, "gone", `{"code":"sold_out","message":"gone"}`, false},
		{"other", secret, 500, "internal error", `{"code":"internal","message":"internal error"}`, true},
		{"close error", websocket.CloseError{Code: 4000, Reason: "away"}, 500, "internal error", `{"code":"internal","message":"internal error"}`, true},
		{"panics", treacherous{}, 500, "internal error", `{"code":"internal","message":"internal error"}`, true},
	} {
		for _, accept := range []string{"", "application/json"} {
			t.Run(test.name+" "+accept, func(t *testing.T) {
				app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
					Upgrade: func(*http.Request) (kit.Data, error) { return kit.Data{}, test.err },
				}}))
				if err := app.Handle("POST /save", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wsgate.HTTPError(w, r, test.err) })); err != nil {
					t.Fatal(err)
				}
				want := test.text + "\n"
				if accept != "" {
					want = test.json + "\n"
				}
				check := func(what string, resp *http.Response) {
					t.Helper()
					body, _ := io.ReadAll(resp.Body)
					if resp.StatusCode != test.status || string(body) != want {
						t.Errorf("%s: got %d %q, want %d %q", what, resp.StatusCode, body, test.status, want)
					}
					seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
					if temporary := test.status == 429 || test.status == 503; temporary != (seconds >= 1 && seconds <= 10) {
						t.Errorf("%s: got Retry-After %q", what, resp.Header.Get("Retry-After"))
					}
					kind := resp.Header.Get("Content-Type")
					if kind != map[string]string{"": "text/plain; charset=utf-8", "application/json": "application/json"}[accept] || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
						t.Errorf("%s: got header %v", what, resp.Header)
					}
				}
				header := http.Header{}
				if accept != "" {
					header.Set("Accept", accept)
				}
				check("upgrade", kit.DialRefused(t, app, "/ws", header))
				r := httptest.NewRequest("POST", "/save", nil)
				r.Header = header
				w := httptest.NewRecorder()
				app.ServeHTTP(w, r)
				check("POST", w.Result())
				if w.Result().Header.Get("Connection") != "" {
					t.Error("the answer to an ordinary request ends its connection")
				}
				lines := app.Log.With("HTTP handler failed")
				if (len(lines) == 1) != test.logged {
					t.Errorf("the log has %q", lines)
				}
				if test.logged && test.err == secret && !strings.Contains(lines[0], secret.Error()) {
					t.Errorf("the log has %q", lines)
				}
			})
		}
	}
}

func TestHTTPErrorAccept(t *testing.T) {
	for accept, json := range map[string]bool{
		"application/json":                          true,
		"text/html, application/json;q=0.5":         true,
		"Application/JSON; charset=utf-8":           true,
		"application/json;q=0":                      false,
		"application/json; q=0.000, text/html":      false,
		"*/*":                                       false,
		"application/*":                             false,
		"text/html,application/xhtml+xml;q=0.9":     false,
		"application/jsonp, application/json-patch": false,
		";;,": false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		wsgate.HTTPError(w, r, wsgate.Errorf(wsgate.Denied, "no"))
		if got := w.Header().Get("Content-Type") == "application/json"; got != json {
			t.Errorf("Accept %q: JSON %v, want %v", accept, got, json)
		}
	}
}

// What cannot be told to programs is an internal error, and is not half an answer.
func TestHTTPErrorDetailsWithoutJSON(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	err := &wsgate.Error{Code: wsgate.Denied, Message: "no", Details: badDetails{}}
	app.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wsgate.HTTPError(w, r, err) }))
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	if got := w.Body.String(); w.Code != 500 || got != `{"code":"internal","message":"internal error"}`+"\n" {
		t.Errorf("got %d %s", w.Code, got)
	}
	if lines := app.Log.With("HTTP handler failed", "no JSON"); len(lines) != 1 {
		t.Errorf("the log has %q", app.Log.With())
	}
}

// A client that has left is no failure.
func TestHTTPErrorOfWhoLeft(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	app.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wsgate.HTTPError(w, r, fmt.Errorf("asking: %w", r.Context().Err()))
	}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil).WithContext(ctx))
	if lines := app.Log.With("HTTP handler failed"); len(lines) != 0 {
		t.Errorf("the log has %q", lines)
	}
}
