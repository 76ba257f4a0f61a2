package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
)

// guest is the D of gateways whose connections have data.
type guest struct{ Name, Room string }

type guestConn = wsgate.Conn[guest]

// refused builds an App that must not be built, and returns the error's text.
func refused(t *testing.T, m *wsgate.Module, opts *wsgate.Options) string {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Fatalf("New panicked: %v", v)
		}
	}()
	app, err := wsgate.New(m, opts)
	if err == nil {
		app.Shutdown(t.Context())
		t.Fatal("New succeeded")
	}
	if app != nil {
		t.Error("New returned an App beside an error")
	}
	return wellFormed(t, err)
}

// wellFormed returns the text of a start-up error, after checking what holds for all of them.
func wellFormed(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "wsgate: ") && !strings.HasPrefix(line, "\t") {
			t.Errorf("line %q in\n%s", strings.TrimSuffix(line, "\n"), text)
		}
	}
	for _, inside := range []string{"cannot provide function", "reflect.", "PanicError", "construct.go", "provider.go", "nil pointer dereference", "%!"} {
		if strings.Contains(text, inside) {
			t.Errorf("%q in a message for users:\n%s", inside, text)
		}
	}
	return text
}

// checkText reports every fragment that text does not contain. One that ends in a line number has to be followed by
// something else than a digit.
func checkText(t *testing.T, text string, fragments ...string) {
	t.Helper()
	for _, f := range fragments {
		pattern := regexp.QuoteMeta(f)
		if f[len(f)-1] >= '0' && f[len(f)-1] <= '9' {
			pattern += `(\D|$)`
		}
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("no %q in\n%s", f, text)
		}
	}
}

// at returns the file:line in the caller's file of the one line that begins with text, or ends with the comment
// "// text".
func at(text string) string {
	_, file, _, _ := runtime.Caller(1)
	file = filepath.Base(file)
	source, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	found := ""
	for i, line := range strings.Split(string(source), "\n") {
		if !strings.HasPrefix(line, text) && !strings.HasSuffix(line, "// "+text) {
			continue
		}
		if found != "" {
			panic(fmt.Sprintf("%q is at %s and at line %d", text, found, i+1))
		}
		found = fmt.Sprintf("%s:%d", file, i+1)
	}
	if found == "" {
		panic(fmt.Sprintf("no %q in %s", text, file))
	}
	return found
}

// count returns how many mistakes an error has.
func count(text string) int { return strings.Count("\n"+text, "\nwsgate: ") }

// fine is a gateway without a mistake.
type fine struct{}

func newFine() *fine { return &fine{} }

func (*fine) OnMessage(context.Context, *guestConn, wsgate.Message) error { return nil }

// gatewayAt is a module with one gateway.
func gatewayAt(path string, constructor any) *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{{Path: path, New: constructor}}}
}

// table is a gateway that is nothing but a table of events.
type table struct{ bound wsgate.Events[guest] }

func (g *table) Events() wsgate.Events[guest] { return g.bound }

// speaking returns the constructor of a table.
func speaking(bound ...wsgate.Binding[guest]) func() *table {
	return func() *table { return &table{bound} }
}

var errOfService = errors.New("the disk is full")

// ignore returns a handler that does nothing.
func ignore[T any]() func(context.Context, *guestConn, T) error {
	return func(context.Context, *guestConn, T) error { return nil }
}

// know returns a handler that answers with a zero value.
func know[Q, A any]() func(context.Context, *guestConn, Q) (A, error) {
	return func(context.Context, *guestConn, Q) (answer A, err error) { return answer, nil }
}
