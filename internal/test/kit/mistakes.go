package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
)

// Refused builds an App that must not be built, and returns the error's text.
func Refused(t *testing.T, m *wsgate.Module, opts *wsgate.Options) string {
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
	return WellFormed(t, err)
}

// WellFormed returns the text of a start-up error, after checking what holds for all of them.
func WellFormed(t *testing.T, err error) string {
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

// CheckText reports every fragment that text does not contain. One that ends in a line number has to be followed by
// something else than a digit.
func CheckText(t *testing.T, text string, fragments ...string) {
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

// At returns the file:line in the caller's file of the one line that begins with text, or ends with the comment
// "// text".
func At(text string) string {
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

// CountMistakes returns how many mistakes an error has.
func CountMistakes(text string) int { return strings.Count("\n"+text, "\nwsgate: ") }
