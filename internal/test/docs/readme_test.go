package docs_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/test/consumer"
)

const readme = "../../../README.md"

// The programs of the README are whole: pasted as they stand they build in a reader's own module, and the conversation
// below each of them takes place.
func TestReadmePrograms(t *testing.T) {
	programs := goBlocks(t, readme)
	if len(programs) != 2 {
		t.Fatalf("got %d programs, want the shortest one and one with typed events", len(programs))
	}
	if n := strings.Count(programs[0].code, "\n"); n >= 25 {
		t.Errorf("the shortest program has %d lines", n)
	}
	for _, p := range programs {
		said := conversationBelow(t, p)
		if len(said) == 0 {
			t.Fatalf("%s:%d: no conversation below the program", p.page, p.line)
		}
		client := dialProgram(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, line := range said {
			text, ours := strings.CutPrefix(line, "→ ")
			if ours {
				if err := client.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
					t.Fatal(err)
				}
				continue
			}
			_, got, err := client.Read(ctx)
			if want := strings.TrimPrefix(line, "← "); err != nil || string(got) != want {
				t.Errorf("%s:%d: got %s, %v, want %s", p.page, p.line, got, err, want)
			}
		}
	}
}

// conversationBelow returns the lines with arrows that follow a program.
func conversationBelow(t *testing.T, p block) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(p.page)
	if err != nil {
		t.Fatal(err)
	}
	_, below, _ := strings.Cut(string(text), p.code+"```\n\n")
	for line := range strings.Lines(below) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "→ ") && !strings.HasPrefix(line, "← ") {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

var (
	programURL     = regexp.MustCompile(`ws://localhost:3100(/\S*[^.\s])`)
	placeholders   = strings.NewReplacer("{room}", "go", "=you", "=ann")
	servingAddress = regexp.MustCompile(`wsgate: serving addr=(\S+)`)
)

// dialProgram runs a program until the end of the test, on a port that is free, and connects to the URL in its comment.
func dialProgram(t *testing.T, p block) *websocket.Conn {
	t.Helper()
	url := programURL.FindStringSubmatch(p.code)
	code := strings.Replace(p.code, `"localhost:3100"`, `"localhost:0"`, 1)
	if url == nil || code == p.code {
		t.Fatalf("%s:%d: the program does not say that it serves ws://localhost:3100", p.page, p.line)
	}
	module := consumer.New(t, "example.com/hello", map[string]string{"main.go": code})
	const executable = "hello.exe" // so named for Windows
	if out, err := module.Command("go", "build", "-o", executable, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s:%d: %v\n%s", p.page, p.line, err, out)
	}
	cmd := module.Command("./" + executable)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait()
	})
	var log strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); log.WriteString(lines.Text() + "\n") {
		if m := servingAddress.FindStringSubmatch(lines.Text()); m != nil {
			client, _, err := websocket.Dial(t.Context(), "ws://"+m[1]+placeholders.Replace(url[1]), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.CloseNow() })
			return client
		}
	}
	t.Fatalf("%s:%d: the program does not serve\n%s", p.page, p.line, &log)
	return nil
}

// The package comment has the README's program with typed events, without its imports.
func TestProgramOfPackageComment(t *testing.T) {
	programs := goBlocks(t, readme)
	_, want, _ := strings.Cut(programs[len(programs)-1].code, "\n)\n")
	if got := commentProgram(t); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the program in doc.go is not the one in README.md: got\n%s\nwant\n%s", got, want)
	}
}

// commentProgram returns the indented code of the package comment that has the program.
func commentProgram(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../doc.go")
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
