package wsgate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

var errTooLong = errors.New("pq: the column takes 40 bytes")

// verdict returns what a Validate method of the tests does with a word.
func verdict(word string) error {
	switch word {
	case "own":
		return &wsgate.Error{Code: wsgate.Conflict, Message: "not that", Details: map[string]int{"n": 1}}
	case "wrapped":
		return fmt.Errorf("secret: %w", wsgate.Errorf(wsgate.Invalid, "no such word"))
	case "other":
		return errTooLong
	case "both":
		return errors.Join(errTooLong, wsgate.Errorf(wsgate.Denied, "not you"))
	case "close":
		return websocket.CloseError{Code: 4001, Reason: "go away"}
	case "panic":
		panic("no verdict")
	}
	return nil
}

type (
	byValue struct {
		Word string `json:"word"`
	}
	byPointerTo struct {
		ID   int    `json:"id"` // stands under "data"
		Word string `json:"word"`
	}
	wordOf     string
	wordsOf    []string
	wordMap    map[string]string
	withInner  struct{ Inner byValue }
	withHidden struct{ byValue } // whose Validate is promoted
)

func (v byValue) Validate() error      { return verdict(v.Word) }
func (v *byPointerTo) Validate() error { v.ID++; return verdict(v.Word) }
func (v wordOf) Validate() error       { return verdict(string(v)) }
func (v wordsOf) Validate() error      { return verdict(strings.Join(v, "")) }
func (v *wordMap) Validate() error     { return verdict((*v)["word"]) }

// A payload is asked before its handler, in events and calls, whichever receiver its method has.
func TestValidate(t *testing.T) {
	handled := 0
	event := wsgate.On(wsgate.Event[byValue]("event"), func(context.Context, *kit.Conn, byValue) error { handled++; return nil })
	c := kit.Speak(t, event, kit.Echo[byValue]("value"), kit.Echo[*byValue]("*value"), kit.Echo[**byValue]("**value"), kit.Echo[byPointerTo]("pointer"), kit.Echo[*byPointerTo]("*pointer"),
		kit.Echo[wordOf]("word"), kit.Echo[wordsOf]("words"), kit.Echo[wordMap]("map"), kit.Echo[withInner]("inner"), kit.Echo[withHidden]("hidden"))
	for _, name := range []string{"event", "value", "*value", "**value", "pointer", "*pointer", "word", "words", "map", "hidden"} {
		word := func(word string) string {
			text := `"word":"` + word + `"`
			switch name {
			case "pointer", "*pointer":
				text = `"data":{` + text + `}`
			case "word":
				text = `"data":"` + word + `"`
			case "words":
				text = `"data":["` + word + `"]`
			}
			return `{"type":"` + name + `","id":1,` + text + `}`
		}
		c.Asks(word("own"), `{"type":"error","id":1,"code":"conflict","message":"not that","details":{"n":1}}`)
		c.Asks(word("wrapped"), `{"type":"error","id":1,"code":"invalid","message":"no such word"}`)
		c.Asks(word("other"), `{"type":"error","id":1,"code":"invalid","message":"the payload of `+name+` is not valid"}`)
		c.Asks(word("both"), `{"type":"error","id":1,"code":"denied","message":"not you"}`)
		if handled != 0 {
			t.Errorf("%s: the handler was called", name)
		}
		want := word("fine")
		switch name {
		case "event":
			want = `{"type":"event","id":1}`
		case "pointer", "*pointer": // the method may change the payload
			want = `{"type":"` + name + `","id":1,"data":{"id":1,"word":"fine"}}`
		}
		c.Asks(word("fine"), want)
		handled = 0
	}
	c.Logged(0)

	// What does not decode is not asked, what is not there is: it is the zero value. A pointer that is nil has nothing to ask.
	c.Asks(`{"type":"value","id":1,"word":7}`, `{"type":"error","id":1,"code":"invalid","message":"word is a number, want a string"}`)
	c.Asks(`{"type":"pointer","id":1}`, `{"type":"pointer","id":1,"data":{"id":1,"word":""}}`)
	c.Asks(`{"type":"*pointer","id":1}`, `{"type":"*pointer","id":1,"data":null}`)
	c.Asks(`{"type":"**value","id":1,"data":null}`, `{"type":"**value","id":1,"data":null}`)
	// Only the payload itself is asked: what it holds it asks itself.
	c.Asks(`{"type":"inner","id":1,"Inner":{"word":"own"}}`, `{"type":"inner","id":1,"Inner":{"word":"own"}}`)
}

// What else a Validate method does is as if its handler did it.
func TestValidateThatEndsTheConnection(t *testing.T) {
	for word, code := range map[string]websocket.StatusCode{"close": 4001, "panic": websocket.StatusInternalError} {
		c := kit.Speak(t, kit.Echo[byValue]("value"))
		c.Say(`{"type":"value","id":1,"word":"` + word + `"}`)
		c.Closed(code, map[string]string{"close": "go away", "panic": "internal error"}[word])
		if word == "panic" {
			c.Logged(1, "event handler failed", "no verdict", "stack=")
		}
	}
}

// Middleware is around the method, and gets the error as it was returned.
func TestValidateInMiddleware(t *testing.T) {
	var seen []error
	translate := func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			err := next(ctx, c, in)
			if in.Hook != wsgate.HookEvent || in.Event != "value" {
				return err
			}
			seen = append(seen, err)
			if errors.Is(err, errTooLong) {
				return wsgate.Errorf(wsgate.Invalid, "too long")
			}
			return err
		}
	}
	app := kit.NewApp(t, &wsgate.Options{Use: []any{translate}}, kit.RouteTo("/", &kit.EventGateway{Table: []wsgate.Binding[kit.Data]{kit.Echo[byValue]("value")}}))
	c := kit.Dialed(t, app, "/")
	c.Say(`{"type":"value","id":1,"word":"other"}`)
	c.Hears(`{"type":"error","id":1,"code":"invalid","message":"too long"}`)
	if len(seen) != 1 || !strings.Contains(seen[0].Error(), errTooLong.Error()) {
		t.Errorf("middleware got %v", seen)
	}
}

// An error's text that clients do not get is in the log, for those who look for it.
func TestValidateIsLogged(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
		var logs bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: level}))
		table := &kit.EventGateway{Table: []wsgate.Binding[kit.Data]{kit.Echo[byValue]("value")}}
		c := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/", table)}}, wstest.With(&wsgate.Options{Logger: log})).Dial("/")
		for _, word := range []string{"own", "other"} {
			wstest.Send(c, wsgate.Event[byValue]("value"), byValue{word})
			c.Next() // the error
		}
		text := logs.String()
		if got := strings.Contains(text, "wsgate: a payload is not valid") && strings.Contains(text, errTooLong.Error()) && strings.Contains(text, "event=value"); got != want {
			t.Errorf("at level %v the log has %q", level, text)
		}
		if strings.Contains(text, "not that") {
			t.Errorf("what the client was told is in the log: %q", text)
		}
	}
}

type (
	asksBool struct{ N int }
	asksCtx  struct{ N int }
	asksTwo  []int
)

func (asksBool) Validate() bool                 { return true }
func (*asksCtx) Validate(context.Context) error { return nil }
func (asksTwo) Validate() (int, error)          { return 0, nil }

// A method that was meant to be asked, and never would be, is found at start-up.
func TestValidateWithAnotherSignature(t *testing.T) {
	for _, test := range []struct {
		bound      wsgate.Binding[guest]
		have, want string
	}{
		{wsgate.On("bad", ignore[asksBool]()), "func (*wsgate_test.asksBool) Validate() bool", "func (*wsgate_test.asksBool) Validate() error"},
		{wsgate.On("bad", ignore[*asksBool]()), "func (*wsgate_test.asksBool) Validate() bool", "func (*wsgate_test.asksBool) Validate() error"},
		{wsgate.Answer("bad", know[asksCtx, int]()), "func (*wsgate_test.asksCtx) Validate(context.Context) error", "func (*wsgate_test.asksCtx) Validate() error"},
		{wsgate.Answer("bad", know[asksTwo, int]()), "func (*wsgate_test.asksTwo) Validate() (int, error)", "func (*wsgate_test.asksTwo) Validate() error"},
	} {
		text := kit.Refused(t, gatewayAt("/", speaking(test.bound)), nil)
		kit.CheckText(t, text, `event "bad"`, "have "+test.have, "want "+test.want, "validate_test.go:", "fix:")
	}
	// What is only sent is not asked.
	kit.NewAppOf(t, nil, gatewayAt("/", speaking(wsgate.Answer("fine", know[int, asksBool]()))))
}
