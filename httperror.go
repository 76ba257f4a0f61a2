package wsgate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/wsgate/wsgate/internal/transport"
)

// HTTPError answers an ordinary HTTP request with an error, as an upgrade is answered with the error of OnUpgrade. It is
// for handlers beside the gateways, see [App.Handle], so that one error means the same over HTTP as in a gateway:
//
//	if err := g.store.Save(r.Context(), line); err != nil {
//		wsgate.HTTPError(w, r, err)
//		return
//	}
//
// An [*Error], also a wrapped one, has the status of its code, with Retry-After for [RateLimited] and [Unavailable].
// [ErrBroker] is [Unavailable]. For any other error the client gets 500 and the words "internal error", and the error is
// logged: by the App's Logger in a handler of App.Handle, and by [slog.Default] elsewhere.
//
// The body is the message as one line of text. A client whose Accept names application/json gets an object instead, with
// "code", "message" and, if there are any, "details". HTTPError has to be called before anything is written.
func HTTPError(w http.ResponseWriter, r *http.Request, err error) {
	httpAnswer(r, err, func(err error) {
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return // nobody waits for the answer
		}
		app, ok := r.Context().Value(appKey{}).(*App)
		if !ok {
			app = &App{log: slog.Default()}
		}
		app.logError(r.Context(), "wsgate: HTTP handler failed", err, "method", r.Method, "path", cutText(r.URL.Path, maxLogText))
	}).Answer(w)
}

// httpAnswer turns an error into an HTTP response. It calls failed with an error that clients must not see. The methods
// of the error and of its details are user code, so it recovers their panics.
func httpAnswer(r *http.Request, err error, failed func(error)) *transport.Refusal {
	var own *Error
	var answer transport.Refusal
	panicked := safely(func() error {
		var ok bool
		if own, ok = asClientError(err); !ok {
			failed(err)
		}
		answer.Status, answer.Message = own.Code.httpStatus(), own.Message
		return nil
	})
	if panicked == nil && acceptsJSON(r) {
		panicked = safely(func() (err error) {
			answer.JSON, err = json.Marshal(body{own.Code, own.Message, own.Details})
			return err
		})
	}
	if panicked != nil {
		failed(panicked)
		answer = transport.Refusal{Status: http.StatusInternalServerError, Message: "internal error"}
		if acceptsJSON(r) {
			answer.JSON, _ = json.Marshal(body{Code: Internal, Message: answer.Message})
		}
		return &answer
	}
	if own.Code.temporary() {
		answer.RetryAfter = retryAfter()
	}
	return &answer
}

// body is an Error over HTTP, for programs.
type body struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
}

// acceptsJSON reports whether the client asks for JSON by name: browsers and tools that take anything get text.
func acceptsJSON(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(value, ",") {
			kind, parameters, _ := mime.ParseMediaType(part)
			if kind == "application/json" && strings.Trim(cmp.Or(parameters["q"], "1"), "0.") != "" {
				return true
			}
		}
	}
	return false
}
