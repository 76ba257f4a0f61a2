package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/consumer"
)

var tool string // the built command

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wsgatevet")
	if err != nil {
		panic(err)
	}
	tool = filepath.Join(dir, "wsgatevet")
	if runtime.GOOS == "windows" {
		tool += ".exe"
	}
	code := 1
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the command: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// output runs a command in the module and returns what it prints and its exit code.
func output(t *testing.T, m *consumer.Module, name string, args ...string) (text string, code int) {
	t.Helper()
	cmd := m.Command(name, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// A module of a user, with a mistake for every check. Whether an Emit of model.Line can fail is a fact of another
// package.
var files = map[string]string{
	"chat/chat.go": `package chat

import (
	"context"

	"github.com/wsgate/wsgate"

	"example.com/app/model"
)

type Chat struct{}

func NewChat() Chat { return Chat{} }

const (
	Said wsgate.Event[model.Line]  = "said"
	Odd  wsgate.Event[model.Odd]   = "odd"
	Role wsgate.Event[model.Role]  = "role"
)

func (*Chat) OnOpen(_ context.Context, c *wsgate.Conn[int]) error {
	Said.Emit(c, model.Line{})
	Role.Emit(c, 1)
	Odd.Emit(c, 1)
	go func() { c.Data++ }()
	return nil
}

func (*Chat) OnClose(context.Context, *wsgate.Conn[int]) {}

func (*Chat) onMessage(context.Context, *wsgate.Conn[int], wsgate.Message) error { return nil }
`,
	"model/model.go": `package model

import (
	"errors"
	"time"
)

type Role int

func (Role) MarshalText() ([]byte, error) { return nil, nil }

type Odd int

func (Odd) MarshalText() ([]byte, error) { return nil, errors.New("odd") }

type Line struct {
	Role Role
	At   time.Time
}
`,
	"clean/clean.go": `package clean

import (
	"context"

	"github.com/wsgate/wsgate"
)

type Echo struct{}

func (*Echo) OnMessage(_ context.Context, c *wsgate.Conn[int], m wsgate.Message) error { return c.Send(m) }
`,
	"clean/clean_test.go": `package clean_test

type Broker struct{}

func (*Broker) OnMessage() {}
`,
}

// wanted are the beginnings of what has to be reported, by their lines.
var wanted = []string{
	"chat.go:13:16: wsgate: constructor chat.NewChat returns the value chat.Chat",
	"chat.go:24:2: wsgate: the error of Odd.Emit is dropped",
	"chat.go:25:14: wsgate: c.Data is used in another goroutine",
	"chat.go:29:14: wsgate: *chat.Chat.OnClose\n\thave func(context.Context, *wsgate.Conn[int])\n\twant func(context.Context, *wsgate.Conn[int], error)\n",
	"chat.go:31:14: wsgate: *chat.Chat.onMessage is not exported",
}

// module makes the user's module.
func module(t *testing.T) *consumer.Module { return consumer.New(t, "example.com/app", files) }

func check(t *testing.T, text string) {
	t.Helper()
	for _, want := range wanted {
		if n := strings.Count(text, want); n != 1 {
			t.Errorf("%d times %q", n, want)
		}
	}
	if n := strings.Count(text, ": wsgate: "); n != len(wanted) {
		t.Errorf("%d diagnostics, want %d", n, len(wanted))
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestAsVettool(t *testing.T) {
	m := module(t)
	text, code := output(t, m, "go", "vet", "-vettool="+tool, "./...")
	if code == 0 {
		t.Error("exit code 0")
	}
	check(t, text)
	if text, code := output(t, m, "go", "vet", "-vettool="+tool, "./clean"); code != 0 || text != "" {
		t.Errorf("exit code %d for a package without a mistake:\n%s", code, text)
	}
}

func TestAlone(t *testing.T) {
	m := module(t)
	text, code := output(t, m, tool, "./...")
	if code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	check(t, text)
	if text, _ := output(t, m, tool, "-wsgatedata", "./..."); strings.Count(text, ": wsgate: ") != 1 {
		t.Errorf("not one diagnostic with one check:\n%s", text)
	}
}

// TestFixesCompile applies the fixes and has the compiler and the command look at what comes out.
func TestFixesCompile(t *testing.T) {
	m := module(t)
	if text, code := output(t, m, tool, "-wsgatehooks", "-fix", "./..."); code != 0 {
		t.Fatalf("exit code %d of -fix:\n%s", code, text)
	}
	if text, code := output(t, m, "go", "build", "./..."); code != 0 {
		t.Fatalf("does not compile:\n%s", text)
	}
	text, _ := output(t, m, tool, "-wsgatehooks", "./...")
	if strings.Count(text, ": wsgate: ") != 1 || !strings.Contains(text, "*chat.Chat.OnClose") {
		t.Errorf("got\n%swant OnClose alone, which has no fix", text)
	}
}
