package docs_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/need"
)

// chat is what the programs in JavaScript talk to: the gateway of Getting started, and a little more.
type chat struct {
	mu   sync.Mutex // guards following
	said []line
}

type line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// card has a field with the name of one of the envelope's keys.
type card struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

const (
	say    wsgate.Event[string]          = "say"
	said   wsgate.Event[line]            = "said"
	recent wsgate.Call[struct{}, []line] = "recent"
	echo   wsgate.Call[line, line]       = "echo"
	move   wsgate.Call[card, card]       = "move"
	nobody wsgate.Call[struct{}, *line]  = "nobody"
	drop   wsgate.Event[int]             = "drop"
	hang   wsgate.Event[struct{}]        = "hang"
)

type chatConn = wsgate.Conn[struct{}]

func (g *chat) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{
		wsgate.On(say, g.say),
		wsgate.Answer(recent, func(context.Context, *chatConn, struct{}) ([]line, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			return append([]line{}, g.said...), nil
		}),
		wsgate.Answer(echo, func(_ context.Context, _ *chatConn, l line) (line, error) { return l, nil }),
		wsgate.Answer(move, func(_ context.Context, _ *chatConn, in card) (card, error) { return in, nil }),
		wsgate.Answer(nobody, func(context.Context, *chatConn, struct{}) (*line, error) { return nil, nil }),
		wsgate.On(drop, func(_ context.Context, c *chatConn, code int) error {
			c.Close(websocket.StatusCode(code), "dropped")
			return nil
		}),
		wsgate.On(hang, func(ctx context.Context, _ *chatConn, _ struct{}) error {
			<-ctx.Done()
			return nil
		}),
	}
}

func (g *chat) say(_ context.Context, c *chatConn, text string) error {
	if text == "" {
		return wsgate.Errorf(wsgate.Invalid, "say something")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.said = append(g.said, line{"ann", text})
	return said.Emit(c.All(), line{"ann", text})
}

// withWebSocket is the option of Node 20 for what later ones have without it.
const withWebSocket = "--experimental-websocket"

// findNode returns the path of a Node that has WebSocket.
func findNode(t *testing.T) string {
	t.Helper()
	node := need.Program(t, "node")
	if err := exec.CommandContext(t.Context(), node, withWebSocket, "--version").Run(); err != nil {
		need.Missing(t, "too old: "+node+" has no "+withWebSocket)
	}
	return node
}

// single is a gateway whose users may have one connection each.
type single struct{}

type singleUser struct{ id string }

func (u singleUser) UserID() string { return u.id }

func newSingle() *single { return &single{} }

func (*single) OnUpgrade(r *http.Request) (singleUser, error) {
	return singleUser{r.FormValue("user")}, nil
}

func (*single) Events() wsgate.Events[singleUser] {
	return wsgate.Events[singleUser]{
		wsgate.Answer(echo, func(_ context.Context, _ *wsgate.Conn[singleUser], l line) (line, error) { return l, nil }),
	}
}

// runJS runs a program of the page, or one of the test's own, against a server of its own.
func runJS(t *testing.T, client, program string) string {
	t.Helper()
	node := findNode(t)
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/chat/{room}", New: func() *chat { return new(chat) }}, {Path: "/one", New: newSingle}}},
		&wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(t.Context())
	dir := t.TempDir()
	program = strings.ReplaceAll(program, "localhost:3100", server.Listener.Addr().String())
	for name, text := range map[string]string{"client.mjs": client, "program.mjs": program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, withWebSocket, "--no-warnings", "program.mjs")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

// jsPrograms returns the client and the program that uses it.
func jsPrograms(t *testing.T) (client, program string) {
	t.Helper()
	blocks := fenced(t, protocolPage, "js")
	if len(blocks) != 2 {
		t.Fatalf("%s has %d blocks of JavaScript, want the client and a program", protocolPage, len(blocks))
	}
	return blocks[0].code, blocks[1].code
}

// The program in the page prints what the page says.
func TestJavaScriptProgram(t *testing.T) {
	client, program := jsPrograms(t)
	texts := fenced(t, protocolPage, "text")
	want := texts[len(texts)-1].code
	if got := runJS(t, client, program); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The client does what its comments say.
func TestJavaScriptClient(t *testing.T) {
	client, _ := jsPrograms(t)
	got := runJS(t, client, `
import { Client } from "./client.mjs"
const opened = []
const c = new Client("ws://localhost:3100/chat/go", { timeout: 2000 })
const next = type => new Promise(done => c.on(type, done))
console.log(await c.call("recent").catch(e => e.code))          // not connected yet
await next("open")
console.log(JSON.stringify(await c.call("echo", { from: "bob", text: "x" })))
console.log(JSON.stringify(await c.call("move", { id: 7, title: "x" })))
console.log(JSON.stringify(await c.call("move", { title: "x", id: undefined })))
console.log(await c.call("move", { title: "x" }).catch(e => e.code + ": " + e.message))
console.log(JSON.stringify(await c.call("echo", { from: "bob", text: "y", Type: 1 })))
console.log(JSON.stringify(await c.call("recent")))
console.log(JSON.stringify(await c.call("nobody")))
console.log(JSON.stringify(await c.call("say", "one")))
console.log(await c.call("sing", []).catch(e => e.code + ": " + e.message))
const error = next("error")
c.send("say", "")
console.log((await error).message)
let closed = next("close"), again = next("open")
c.send("drop", 1001)
console.log(JSON.stringify(await closed))
await again
console.log(JSON.stringify(await c.call("recent")))             // what was missed
console.log(await c.call("hang").catch(e => e.code))            // timeout
const answer = c.call("recent").catch(e => e.code)              // the handler before it hangs
c.close()
console.log(await answer)
const d = new Client("ws://localhost:3100/chat/go")
d.on("open", () => d.send("drop", 4000))
d.on("close", e => console.log(JSON.stringify(e)))
`)
	want := `closed
{"from":"bob","text":"x"}
{"id":7,"title":"x"}
{"id":0,"title":"x"}
invalid: the payload of move stands under "data", not beside "type"
{"from":"bob","text":"y"}
[]
null
{}
unknown_event: unknown event "sing"
say something
{"code":1001,"reason":"dropped","again":true}
[{"from":"ann","text":"one"}]
timeout
closed
{"code":4000,"reason":"dropped","again":false}
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// After each close code the client does what the table says.
func TestJavaScriptClientObeysTheTable(t *testing.T) {
	client, _ := jsPrograms(t)
	var codes, want []string
	for _, row := range tableIn(t, protocolPage, "## Reconnecting") {
		again := strings.HasPrefix(row[1], "connect again")
		if !again && !strings.Contains(row[1], "stay away") {
			t.Errorf("nobody knows what to do: %q", row[1])
		}
		for code := range strings.SplitSeq(strings.ReplaceAll(row[0], " to ", ", "), ", ") {
			if code == "1006" {
				continue // which no server can send
			}
			codes = append(codes, code)
			want = append(want, fmt.Sprintf("%s %v", code, again))
		}
	}
	got := runJS(t, client, `
import { Client } from "./client.mjs"
for (const code of [`+strings.Join(codes, ", ")+`]) {
  const c = new Client("ws://localhost:3100/chat/go")
  c.on("open", () => c.send("drop", code))
  const e = await new Promise(done => c.on("close", done))
  c.close()
  console.log(e.code, e.again)
}
`)
	if want := strings.Join(want, "\n"); strings.TrimSpace(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Two clients of a user who may have one connection come to rest: the newer one stays.
func TestJavaScriptClientIsReplaced(t *testing.T) {
	client, _ := jsPrograms(t)
	got := runJS(t, client, `
import { Client } from "./client.mjs"
const closes = []
const open = async name => {
  const c = new Client("ws://localhost:3100/one?user=ann")
  c.on("close", ({ code, again }) => closes.push([name, code, again]))
  await new Promise(done => c.on("open", done))
  await c.call("echo", { from: name, text: "x" })
  return c
}
const first = await open("first"), second = await open("second")
await new Promise(done => setTimeout(done, 1000))               // twice as long as a client waits that comes back
console.log(JSON.stringify(closes))
console.log(JSON.stringify(await second.call("echo", { from: "second", text: "y" })))
second.close()
`)
	want := `[["first",4409,false]]
{"from":"second","text":"y"}
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
