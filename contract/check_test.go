package contract_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// recorder is a test that keeps what it is told.
type recorder struct{ errors, logs []string }

func (*recorder) Helper() {}
func (r *recorder) Errorf(f string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(f, args...))
}
func (r *recorder) Logf(f string, args ...any) { r.logs = append(r.logs, fmt.Sprintf(f, args...)) }

// app returns an App that sends the events.
func app(t *testing.T, sends ...wsgate.Outgoing) *wsgate.App {
	t.Helper()
	route := kit.RouteTo("/ws", &kit.EventGateway{})
	route.Sends = append([]wsgate.Outgoing{}, sends...)
	return kit.NewApp(t, nil, route).App
}

const (
	one     wsgate.Event[Inner]  = "one"
	two     wsgate.Event[string] = "two"
	another wsgate.Event[Line]   = "one"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	document, module := filepath.Join(dir, "api", "asyncapi.json"), filepath.Join(dir, "web", "chat.ts")
	check := func(app *wsgate.App, files ...string) []string {
		r := new(recorder)
		contract.Info{Title: "Chat"}.Check(r, app, files...)
		for i := range r.errors {
			r.errors[i] = strings.ReplaceAll(r.errors[i], dir+string(filepath.Separator), "")
		}
		return append(r.errors, r.logs...)
	}
	expect := func(what string, got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: got %q, want %q", what, got, want)
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: got %q, want %q", what, got[i], want[i])
			}
		}
	}
	first := app(t, one)
	expect("no files yet", check(first, document, module),
		"contract: api/asyncapi.json is not there yet\n\trun the test with WSGATE_UPDATE=1; or with -update, if the test has a flag: ",
		"contract: web/chat.ts is not there yet\n")

	update := flag.Bool("update", false, "") // as tests have it: only now
	t.Cleanup(func() { flag.CommandLine.Lookup("update").Value.Set("false") })
	*update = true
	expect("-update", check(first, document, module), "contract: wrote ", "contract: wrote ")
	expect("-update again", check(first, document, module))
	*update = false
	expect("no change", check(first, document, module))

	second := app(t, one, two)
	expect("a harmless change", check(second, document, module),
		"contract: api/asyncapi.json is out of date; nothing that is new breaks clients\n\trun the test with -update",
		"contract: web/chat.ts is out of date\n\trun the test with -update")
	expect("a type", check(app(t, another), document), `contract: clients of api/asyncapi.json break:
	/ws: sent event "one": field A is gone
	/ws: sent event "one": field b is gone
	if they need not work any more: run the test with -update`)
	expect("an event", check(app(t), document), `contract: clients of api/asyncapi.json break:
	/ws: sent event "one": is not sent any more
`)
	t.Setenv("WSGATE_UPDATE", "1")
	expect("the variable", check(second, document, module), "contract: wrote ", "contract: wrote ")
	t.Setenv("WSGATE_UPDATE", "")
	expect("written", check(second, document, module))

	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.ReplaceAll(string(text), "\n", "\r\n"))
	expect("Windows", check(second, document))
	write("<<<<<<< HEAD\n")
	expect("a conflict", check(second, document), "contract: not a document: invalid character '<'")
	expect("no files", check(second), "contract: no files")
	expect("another file", check(second, "chat.yaml"), "contract: chat.yaml\n\twant a name that ends in .json or .ts")
	expect("a directory", check(second, dir+".json/../"+filepath.Base(dir)+"/api/x.json/"), "contract: ")
}

func TestHandler(t *testing.T) {
	app := app(t, one)
	h := contract.Info{Title: "Chat", Version: "1.2.3"}.Handler(app)
	serve := func(method string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/asyncapi.json", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	got := serve("GET")
	d, err := contract.Info{Title: "Chat", Version: "1.2.3"}.New(app)
	if err != nil {
		t.Fatal(err)
	}
	tag := got.Header().Get("ETag")
	if got.Code != 200 || got.Body.String() != string(d.JSON()) || got.Header().Get("Content-Type") != "application/vnd.aai.asyncapi+json;version=3.0.0" || tag == "" {
		t.Errorf("GET: got %d, %v", got.Code, got.Header())
	}
	if got := serve("HEAD"); got.Code != 200 || got.Body.Len() != 0 || got.Header().Get("Content-Length") == "" || got.Header().Get("ETag") != tag {
		t.Errorf("HEAD: got %d, %d bytes, %v", got.Code, got.Body.Len(), got.Header())
	}
	if got := serve("GET", "If-None-Match", tag); got.Code != http.StatusNotModified || got.Body.Len() != 0 {
		t.Errorf("If-None-Match: got %d, %d bytes", got.Code, got.Body.Len())
	}
	if got := serve("GET", "If-None-Match", `"other"`); got.Code != 200 {
		t.Errorf("another If-None-Match: got %d", got.Code)
	}
	if got := serve("POST"); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d, %v", got.Code, got.Header())
	}
	if other := contract.Handler(app); other == nil {
		t.Error("no handler")
	}
}

// panics describes itself, and fails to.
type panics struct{ A int32 }

func (panics) Description() string { panic("no description") }

func TestTypeThatPanics(t *testing.T) {
	const bad wsgate.Event[panics] = "bad"
	app := app(t, bad)
	if _, err := contract.New(app); err == nil || !strings.Contains(err.Error(), "no description") || !strings.Contains(err.Error(), "panics") {
		t.Errorf("got %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Handler does not panic")
		}
	}()
	contract.Handler(app)
}

// Documents of others, and what is no document at all.
func TestParse(t *testing.T) {
	text := string(document(t, info{sends: nil, emits: nil}).JSON())
	for _, tt := range []struct{ text, want string }{
		{"", "contract: not a document: "},
		{"[]", "contract: not a document: "},
		{"{}", `contract: not a document of wsgate: "asyncapi" is "", want "3.0.0"`},
		{`{"asyncapi":"2.6.0"}`, `"asyncapi" is "2.6.0"`},
		{`{"asyncapi":"3.0.0","channels":{"a":{"address":"/"}}}`, `channel "a": "x-wsgate" is missing`},
		{`{"asyncapi":"3.0.0","channels":{"a":null}}`, `channel "a": "x-wsgate" is missing`},
		{`{"asyncapi":"3.0.0","operations":{"a":{"action":"send"}}}`, `operation "a": it has no messages`},
		{`{"asyncapi":"3.0.0","operations":{"a":null}}`, `operation "a": it has no messages`},
		{`{"asyncapi":"3.0.0","operations":{"a":{"action":"send","messages":[{"$ref":"#/x"}]}}}`, `nothing is at "#/x"`},
		{`{"asyncapi":"3.0.0","components":{"schemas":{"A":null}}}`, `schema "A": it is null`},
		{`{"asyncapi":"3.0.0","components":{"schemas":{"A":{"$ref":"#/components/schemas/A"}}}}`, `no schema is at "#/components/schemas/A"`},
		{`{"asyncapi":"3.0.0","components":{"schemas":{"A":{"items":{"$ref":"#/components/schemas/B"}}}}}`, `no schema is at "#/components/schemas/B"`},
		{`{"asyncapi":"3.0.0","components":{"schemas":{"A":{"properties":{"x":null}}}}}`, `property "x" is null`},
		{strings.Replace(text, "#/channels/Ws/messages/out.error", "#/channels/Ws/messages/none", 1), "nothing is at"},
	} {
		if _, err := contract.Parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80s: got %v, want %q", tt.text, err, tt.want)
		}
	}
}

// FuzzParse takes whatever is on the web for a document: it is refused, or can be written and compared.
func FuzzParse(f *testing.F) {
	for _, i := range []info{{}, {path: "/{x...}", emits: map[string]reflect.Type{"say": reflect.TypeFor[Node]()}, sends: map[string]reflect.Type{"said": reflect.TypeFor[hidden]()}}} {
		f.Add(document(f, i).JSON())
	}
	f.Add([]byte(`{"asyncapi":"3.0.0","components":{"schemas":{"A":{"allOf":[{"$ref":"#/components/schemas/A"}],"type":["null","x"],"enum":[{}],"const":null,"items":[]},"b c":false}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := contract.Parse(text)
		if err != nil {
			return
		}
		module, _ := d.TypeScript()
		if !slices.Contains([]string{"//"}, string(module[:2])) {
			t.Error("no module")
		}
		again, err := contract.Parse(d.JSON())
		if err != nil {
			t.Fatalf("the document does not read what it writes: %v", err)
		}
		if changes := contract.Diff(d, again); len(changes) > 0 {
			t.Errorf("a document differs from itself: %v", changes)
		}
	})
}
