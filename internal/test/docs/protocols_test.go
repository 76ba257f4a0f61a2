package docs_test

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/npm"
)

const protocolsPage = root + "/docs/protocols.md"

// The server of the page on protocols serves the client that others have written for its protocol.
func TestGraphQLClient(t *testing.T) {
	node, dir := graphQLClient(t)
	programs, texts := fenced(t, protocolsPage, "js"), fenced(t, protocolsPage, "text")
	if len(programs) != 1 || len(texts) != 1 {
		t.Fatalf("%s has %d programs and %d outputs in JavaScript, want one", protocolsPage, len(programs), len(texts))
	}
	server, addr := buildPage(t, protocolsPage)
	serve(t, server, addr)
	jsProgram{programs[0].code, texts[0].code}.compare(t, runScript(t, node, dir, programs[0].code, addr))
}

//go:embed testdata/graphql.mjs
var graphQLProgram string

// The client also does what is not in the page's program, and breaks the rules. Then the server restarts.
func TestGraphQLClientThroughout(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be told to stop on Windows")
	}
	node, dir := graphQLClient(t)
	server, addr := buildPage(t, protocolsPage)
	process, ended := serve(t, server, addr)
	program := strings.ReplaceAll(graphQLProgram, "SERVER", fmt.Sprint(process.Pid))
	printed := make(chan string, 1)
	go func() { defer close(printed); printed <- runScript(t, node, dir, program, addr) }()
	select {
	case <-ended: // by the program
		serve(t, server, addr)
	case out := <-printed:
		t.Fatalf("the program has ended before the server:\n%s", out)
	}
	const want = `side by side: true
cancelled
hello, ann
connections: 1, answers to pings: true
forbidden: 4403 say who you are
late: 4408 Connection initialisation timeout
malformed: 4400 Invalid message
early: 4401 Unauthorized
twice: 4429 Too many initialisation requests
duplicate: 4409 Subscriber for same already exists
restarted: 1012
begun again
`
	if out := <-printed; out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// graphQLClient returns what runs the client, and a folder for programs that import it.
func graphQLClient(t *testing.T) (node, dir string) {
	t.Helper()
	node = findNode(t)
	modules := npm.Modules(t, "graphql-ws")
	dir = t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return node, dir
}
