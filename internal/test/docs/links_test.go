package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Every link of a document to another one, or to a heading, leads somewhere; and the contents list every page.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../../README.md") {
		for _, target := range linksIn(t, page) {
			if strings.Contains(target, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			file = filepath.Join(filepath.Dir(page), file)
			if strings.HasPrefix(target, "#") {
				file = page
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: link to %s: %v", page, target, err)
			} else if anchor != "" && !anchorsOf(t, file)[anchor] {
				t.Errorf("%s: link to %s: no such heading", page, target)
			}
		}
	}
	contents := strings.Join(linksIn(t, "../../../docs/README.md"), " ")
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(contents, name) {
			t.Errorf("docs/README.md does not mention %s", name)
		}
	}
}

// linksIn returns where the links of a document lead to.
func linksIn(t *testing.T, page string) (targets []string) {
	t.Helper()
	// A link's text may be broken over two lines.
	for _, m := range link.FindAllStringSubmatch(prose(t, page), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// anchorsOf returns the anchors that GitHub makes of a document's headings.
func anchorsOf(t *testing.T, page string) map[string]bool {
	t.Helper()
	anchors := map[string]bool{}
	for line := range strings.Lines(prose(t, page)) {
		heading := strings.TrimLeft(line, "#")
		if heading == line {
			continue
		}
		anchors[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading))] = true
	}
	return anchors
}

// prose returns a document without its blocks of code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for i, part := range strings.Split("\n"+string(text), "\n```") {
		if i%2 == 0 {
			kept.WriteString(part)
		}
	}
	return kept.String()
}
