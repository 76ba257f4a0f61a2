package wstest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// recorder is a testing.TB that keeps how the test failed.
type recorder struct {
	testing.TB
	failure  string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}
func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
func (r *recorder) Error(args ...any)                 { r.failure += fmt.Sprintln(args...) }
func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

// failureOf runs a test that should fail and returns what it says.
func failureOf(test func(testing.TB)) string {
	t := new(testing.T)
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, f := range r.cleanups {
				f()
			}
		}()
		test(contextual{r})
	}()
	<-done
	return r.failure
}

// contextual gives a recorder what a zero testing.T does not have.
type contextual struct{ *recorder }

func (contextual) Context() context.Context { return context.Background() }
func (contextual) Output() io.Writer        { return io.Discard }

type typo struct{}

func (*typo) OnOpen(context.Context, *conn) error                   { return nil }
func (*typo) OnMesage(context.Context, *conn, wsgate.Message) error { return nil }

// Every failure says what came and what was wanted, in one shape.
func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		test func(t testing.TB, app *wstest.App, ann *wstest.Client)
		want string
	}{
		"another event": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(app.Dial("/chat/go?name=bob"), say, "hello")
			wstest.Next(ann, say)
		}, `wstest: client 1 of /chat/go?name=ann: got event "said" {"from":"bob","text":"hello"}, want "say"`},
		"error": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(ann, say, "")
			wstest.Next(ann, said)
		}, `got event "error" {"code":"invalid","message":"say something"}, want "said"`},
		"nothing": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Next(ann, said)
		}, `got nothing for 100ms (it is in ["room"]), want "said"`},
		"another error": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(ann, say, "")
			wstest.ExpectError(ann, wsgate.Denied)
		}, `got event "error" {"code":"invalid","message":"say something"}, want error "denied"`},
		"error as answer": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Ask(ann, history, -1)
		}, `got error "invalid" (n is negative), want the answer to "history"`},
		"error in place of done": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Do(ann, say, "")
		}, `got error "invalid" (say something), want the answer to "say"`},
		"close": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(ann, kick, struct{}{})
			wstest.Next(ann, said)
		}, `got close 4000 "kicked", want "said"`},
		"another close": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(ann, kick, struct{}{})
			wstest.ExpectClose(ann, 1008)
		}, `got close 4000 "kicked", want close 1008`},
		"no close": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.ExpectClose(ann, 1008)
		}, `got nothing for 100ms (it is in ["room"]), want close 1008`},
		"not quiet": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(app.Dial("/chat/go?name=bob"), say, "hello")
			wstest.Quiet(ann)
		}, `got event "said" {"from":"bob","text":"hello"}, want nothing`},
		"quiet because it is closed": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(ann, kick, struct{}{})
			wstest.ExpectClose(ann, 4000)
			wstest.Quiet(ann)
		}, `got close 4000 "kicked", want nothing`},
		"nothing, for who does not read": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			ann.StopReading()
			wstest.Next(ann, said)
		}, `got nothing for 100ms (it has stopped reading), want "said"`},
		"quiet, for who does not read": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			ann.StopReading()
			wstest.Quiet(ann)
		}, `got a client that has stopped reading`},
		"no path": {func(t testing.TB, app *wstest.App, _ *wstest.Client) {
			app.Dial("chat/go")
		}, `got the path "chat/go", want one that begins with a slash`},
		"refused": {func(t testing.TB, app *wstest.App, _ *wstest.Client) {
			app.Dial("/chat/go")
		}, `wstest: /chat/go: got status 401 (who are you?), want a connection`},
		"not refused": {func(t testing.TB, app *wstest.App, _ *wstest.Client) {
			app.ExpectRefused(http.StatusForbidden, "/chat/go?name=bob")
		}, `got a connection, want status 403`},
		"refused otherwise": {func(t testing.TB, app *wstest.App, _ *wstest.Client) {
			app.ExpectRefused(http.StatusForbidden, "/chat/go")
		}, `got status 401 (who are you?), want status 403`},
		"not the payload": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(app.Dial("/chat/go?name=bob"), say, "hello")
			wstest.Next(ann, wsgate.Event[struct{ From int }]("said"))
		}, `got event "said" {"from":"bob","text":"hello"}, want a struct { From int }: from is a string, want a number`},
		"error as an answer that is taken later": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			pending := wstest.StartAsk(ann, history, -1)
			pending.Wait()
		}, `got error "invalid" (n is negative), want the answer to "history"`},
		"the end before the answer": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			pending := wstest.StartDo(ann, kick, struct{}{})
			wstest.ExpectClose(ann, 4000)
			pending.TryWait()
		}, `got close 4000 "kicked", want the answer to "kick"`},
		"no answer": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			ann.StopReading()
			wstest.StartDo(ann, say, "hello").Wait()
		}, `got nothing for 100ms (it has stopped reading), want the answer to "say"`},
		"another answer's type": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Do(ann, say, "hello")
			wstest.StartAsk(ann, wsgate.Call[int, string]("history"), 1).Wait()
		}, `[{"from":"ann","text":"hello"}], want a string: it is an array, want a string`},
		"an event that is ignored": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Ignore(ann, said)
			wstest.Next(ann, said)
		}, `got Next of "said", which the client ignores, want an event that it does not`},
		"not quiet in spite of what is ignored": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Ignore(ann, said)
			wstest.Send(ann, say, "")
			wstest.Quiet(ann)
		}, `got event "error" {"code":"invalid","message":"say something"}, want nothing`},
		"sending after the end": {func(t testing.TB, app *wstest.App, ann *wstest.Client) {
			wstest.Send(ann, kick, struct{}{})
			wstest.ExpectClose(ann, 4000)
			wstest.Send(ann, say, "hello")
		}, `sending: close 4000 "kicked"`},
		"start-up mistakes": {func(t testing.TB, _ *wstest.App, _ *wstest.Client) {
			wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newChat}}})
		}, "needs wstest_test.store, which nothing provides"},
		"a hook with a typo": {func(t testing.TB, _ *wstest.App, _ *wstest.Client) {
			wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *typo { return nil }}}})
		}, "returned a nil"},
		"a hook with a typo, built": {func(t testing.TB, _ *wstest.App, _ *wstest.Client) {
			wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *typo { return &typo{} }}}})
		}, "*wstest_test.typo.OnMesage is not a hook and would never be called (failure_test.go:"},
	} {
		t.Run(name, func(t *testing.T) {
			failure := failureOf(func(t testing.TB) {
				app := newApp(t, wstest.Timeout(100*time.Millisecond))
				ann := app.Dial("/chat/go?name=ann")
				wstest.Quiet(ann)
				tc.test(t, app, ann)
			})
			if !strings.Contains(failure, tc.want) {
				t.Errorf("got  %s\nwant %s", failure, tc.want)
			}
			if strings.Count(failure, "\n") > 3 {
				t.Errorf("the failure is long:\n%s", failure)
			}
		})
	}
}
