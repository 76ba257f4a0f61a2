package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/consumer"
)

// importPaths are the packages that the code in a document may use without importing them.
var importPaths = map[string]string{
	"atomic": "sync/atomic", "base64": "encoding/base64", "bytes": "bytes", "cmp": "cmp", "context": "context", "contract": "github.com/wsgate/wsgate/contract",
	"debug": "runtime/debug", "dig": "go.uber.org/dig", "errors": "errors", "expvar": "expvar", "filepath": "path/filepath", "flag": "flag", "fmt": "fmt", "hex": "encoding/hex", "hmac": "crypto/hmac", "http": "net/http",
	"httptest": "net/http/httptest", "io": "io", "iter": "iter", "json": "encoding/json", "log": "log", "maps": "maps",
	"net": "net", "netip": "net/netip", "os": "os", "rand": "crypto/rand", "sha256": "crypto/sha256", "signal": "os/signal", "slices": "slices",
	"slog": "log/slog", "strconv": "strconv", "strings": "strings", "subtle": "crypto/subtle", "sync": "sync",
	"synctest": "testing/synctest", "syscall": "syscall", "testing": "testing", "time": "time", "tls": "crypto/tls",
	"url": "net/url", "utf8": "unicode/utf8", "websocket": "github.com/coder/websocket",
	"wsgate": "github.com/wsgate/wsgate", "wstest": "github.com/wsgate/wsgate/wstest", "x509": "crypto/x509",
}

// importsFor returns the imports that a file leaves out.
func importsFor(t *testing.T, file string) string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "main.go", file, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && importPaths[x.Name] != "" {
				used[importPaths[x.Name]] = true
			}
		}
		return true
	})
	for _, own := range parsed.Imports {
		delete(used, strings.Trim(own.Path.Value, `"`))
	}
	var imports strings.Builder
	for _, path := range slices.Sorted(maps.Keys(used)) {
		imports.WriteString("import \"" + path + "\"\n")
	}
	return imports.String()
}

// runGo runs the go command in a module with those files, as a reader has it.
func runGo(t *testing.T, files map[string]string, args ...string) {
	t.Helper()
	out, err := consumer.New(t, "docs", files, "github.com/wsgate/wsgate/contract").Command("go", args...).CombinedOutput()
	if err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	} else {
		t.Logf("go %s\n%s", strings.Join(args, " "), out)
	}
}

// raceDetector reports whether there is one: the platform has it, and a C compiler is there.
func raceDetector(t *testing.T) bool {
	return exec.CommandContext(t.Context(), "go", "list", "-race", "-f", "{{.Name}}", "runtime").Run() == nil
}
