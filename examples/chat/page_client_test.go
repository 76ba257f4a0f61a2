package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wsgate/wsgate/internal/test/typescript"
)

// pageClient is the client package as the page imports it: a copy, so that running the chat needs no build step.
const pageClient = "page/wsgate"

// The page has the client package of this tree. `go test -update` copies it.
func TestPageClient(t *testing.T) {
	dir := t.TempDir()
	typescript.Build(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.js"))
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Base(name) == "contract.js" }) // types only
	for _, name := range files {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		have := filepath.Join(pageClient, filepath.Base(name))
		if *update {
			if err := os.WriteFile(have, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := os.ReadFile(have); err != nil || string(text) != string(want) {
			t.Errorf("%s is not what clients/typescript compiles to (%v): run the test with -update", have, err)
		}
	}
	if copied, _ := filepath.Glob(pageClient + "/*"); len(copied) != len(files) {
		t.Errorf("%s has %d files, want %d: %q", pageClient, len(copied), len(files), copied)
	}
}

// The compiler of TypeScript finds no mistake in the page: it knows the client's types and those of the events.
func TestPageTypes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"page", "api"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
			t.Fatal(err)
		}
	}
	typescript.Build(t, filepath.Join(dir, pageClient)) // with its declarations
	typescript.Compile(t, "--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2023", "--module", "es2022",
		"--moduleResolution", "bundler", "--lib", "es2023,dom,dom.iterable", "--types", "", filepath.Join(dir, "page/app.js"))
}
