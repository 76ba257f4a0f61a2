package docs_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The program of the README and of the package comment is one and the same, and it compiles.
func TestProgramCompiles(t *testing.T) {
	readme := firstProgram(t, goBlocks(t, "../../README.md"))
	comment := commentProgram(t)
	if _, body, _ := strings.Cut(readme, "package main\n"); strings.TrimSpace(body) != strings.TrimSpace(comment) {
		t.Error("the program in doc.go is not the one in README.md")
	}
	runGo(t, map[string]string{
		"main.go": withImports(t, readme),
		"store.go": `package main

import "context"

type Store struct{}

func NewStore() *Store { return new(Store) }

func (*Store) Save(ctx context.Context, from, text string) error { return ctx.Err() }
`,
	}, "vet", ".")
}

func firstProgram(t *testing.T, blocks []block) string {
	t.Helper()
	i := slices.IndexFunc(blocks, func(b block) bool { return strings.Contains(b.code, "package main\n") })
	if i < 0 {
		t.Fatal("no program")
	}
	return blocks[i].code
}

// commentProgram returns the indented code of the package comment that has the program.
func commentProgram(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var code []string
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(line, "//\t")
		switch {
		case ok:
			code = append(code, line)
		case len(code) > 0 && strings.TrimSpace(line) == "" || strings.TrimSpace(line) == "//":
			code = append(code, "\n")
		case len(code) > 10 && strings.Contains(strings.Join(code, ""), "func main()"):
			return strings.Join(code, "")
		default:
			code = nil
		}
	}
	t.Fatal("no program in the package comment")
	return ""
}
