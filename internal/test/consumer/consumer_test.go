package consumer_test

import (
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/consumer"
)

// A module has what this one is built with, and nothing from the network.
func TestModule(t *testing.T) {
	for _, tt := range []struct{ imports, want string }{
		{"github.com/wsgate/wsgate", ""},
		{"github.com/wsgate/wsgate/wstest", ""},
		{"github.com/coder/websocket", ""},
		{"example.com/elsewhere", "GOPROXY=off"},
	} {
		m := consumer.New(t, "example.com/app", map[string]string{
			"main.go": "package main\n\nimport \"example.com/app/inner\"\n\nfunc main() { inner.Do() }\n",
		})
		m.Write("inner/inner.go", "package inner\n\nimport _ \""+tt.imports+"\"\n\nfunc Do() {}\n")
		out, err := m.Command("go", "vet", "./...").CombinedOutput()
		if (err == nil) != (tt.want == "") || !strings.Contains(string(out), tt.want) {
			t.Errorf("import of %s: %v, want %q in\n%s", tt.imports, err, tt.want, out)
		}
	}
}
