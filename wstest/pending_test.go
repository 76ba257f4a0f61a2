package wstest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

const (
	lookup wsgate.Call[string, int]                = "lookup"
	typing wsgate.Event[string]                    = "typing"
	noted  wsgate.Event[string]                    = "noted"
	people wsgate.Event[wsgate.Presence[struct{}]] = "people"
)

// reader is the data of a library's connections.
type reader string

func (r reader) UserID() string { return string(r) }

// library answers after a while, and tells everybody who is typing and who is there.
type library struct{}

func (*library) OnUpgrade(r *http.Request) (reader, error) { return reader(r.FormValue("name")), nil }

func (*library) OnOpen(_ context.Context, c *wsgate.Conn[reader]) error { return c.Join("hall") }

func (*library) Events() wsgate.Events[reader] {
	return wsgate.Events[reader]{
		wsgate.Track(people, func(*wsgate.Conn[reader], string) (struct{}, bool) { return struct{}{}, true }),
		wsgate.Answer(lookup, func(_ context.Context, c *wsgate.Conn[reader], title string) (int, error) {
			if err := noted.Emit(c.All(), title); err != nil {
				return 0, err
			}
			<-time.After(10 * time.Second)
			if title == "" {
				return 0, wsgate.Errorf(wsgate.NotFound, "no title")
			}
			return len(title), nil
		}),
		wsgate.On(typing, func(_ context.Context, c *wsgate.Conn[reader], text string) error {
			return typing.Emit(c.All(), text)
		}),
	}
}

func newLibrary(t *testing.T, envelope wsgate.Envelope) (ann, bob *wstest.Client) {
	t.Helper()
	app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *library { return &library{} }, Envelope: envelope}}})
	return app.Dial("/?name=ann"), app.Dial("/?name=bob")
}

// Several questions are on their way at once, and other things happen before their answers are taken, in any order.
func TestStartAsk(t *testing.T) {
	for name, envelope := range map[string]wsgate.Envelope{"flat": {}, "nested": {Type: "event", ID: "ref", Data: "payload"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ann, bob := newLibrary(t, envelope)
				wstest.Ignore(ann, people)
				wstest.Ignore(bob, people)
				begun := time.Now()
				first, failing := wstest.StartAsk(ann, lookup, "Ulysses"), wstest.StartAsk(bob, lookup, "")
				second, done := wstest.StartAsk(ann, lookup, "Dubliners"), wstest.StartDo(ann, typing, "hm")
				if took := time.Since(begun); took >= time.Second {
					t.Errorf("asking took %v", took)
				}
				wstest.Pass(time.Second)
				if got := []string{wstest.Next(ann, noted), wstest.Next(ann, noted)}; !slices.Contains(got, "Ulysses") || !slices.Contains(got, "") {
					t.Errorf("got %q", got)
				}
				wstest.Quiet(ann) // the answers are not there yet
				wstest.Pass(time.Hour)
				wstest.Drain(bob)
				if got := second.Wait(); got != len("Dubliners") {
					t.Errorf("got %d", got)
				}
				done.Wait()
				if got := first.Wait(); got != len("Ulysses") || first.Wait() != got {
					t.Errorf("got %d, and %d then", got, first.Wait())
				}
				var refused *wsgate.Error
				if _, err := failing.TryWait(); !errors.As(err, &refused) || refused.Code != wsgate.NotFound {
					t.Errorf("got %v, want not_found", err)
				}
				// Answers are nobody else's.
				if got := wstest.Next(ann, noted); got != "Dubliners" {
					t.Errorf("got %q", got)
				}
				if got := wstest.Next(ann, typing); got != "hm" {
					t.Errorf("got %q", got)
				}
				wstest.StartAsk(ann, lookup, "Exiles") // whose answer nobody takes
				wstest.Next(ann, noted)
				wstest.Pass(time.Hour)
				wstest.Quiet(ann)
			})
		})
	}
}

// What is ignored does not come, whether it had come before or not; everything else does, and in order.
func TestIgnore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob := newLibrary(t, wsgate.Envelope{})
		wstest.Pass(time.Second)
		wstest.Send(bob, typing, "h")
		wstest.Pass(time.Second)
		wstest.Ignore(ann, people)
		wstest.Ignore(ann, typing)
		wstest.Quiet(ann)

		wstest.Send(bob, typing, "hi")
		pending := wstest.StartAsk(bob, lookup, "Dracula")
		bob.Send(wsgate.Text(`{"type":"typing","data":"hi!"}`))
		wstest.Pass(time.Hour)
		if got, want := ann.NextText(), `{"type":"noted","data":"Dracula"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wstest.Quiet(ann)
		pending.Wait()
		wstest.Do(ann, typing, "an answer is no event") // the event is dropped, its answer is not
		wstest.Quiet(ann)

		bob.Send(wsgate.Text(`{"type":"nothing"}`))
		wstest.Next(bob, people) // bob ignores nothing
		wstest.Drain(bob)
		bob.Send(wsgate.Text(`{"type":"nothing"}`))
		wstest.ExpectError(bob, wsgate.UnknownEvent)
	})
}
