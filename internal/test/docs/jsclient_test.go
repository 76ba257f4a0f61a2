package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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
	"github.com/wsgate/wsgate/internal/test/consumer"
	"github.com/wsgate/wsgate/internal/test/need"
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

// runJS runs a program of the test's own against a server of its own.
func runJS(t *testing.T, client, program string) string {
	t.Helper()
	gateways := []wsgate.Route{{Path: "/chat/{room}", New: func() *chat { return new(chat) }}, {Path: "/one", New: newSingle}}
	app, err := wsgate.New(&wsgate.Module{Gateways: gateways}, &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true})
	if err != nil {
		t.Fatal(err)
	}
	return runWith(t, client, program, app)
}

// runWith runs a program of the page, or of the test's own, against an App.
func runWith(t *testing.T, client, program string, app *wsgate.App) string {
	t.Helper()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(t.Context())
	return runNode(t, client, program, server.Listener.Addr().String())
}

// runNode runs a program of the page against the server at the address.
func runNode(t *testing.T, client, program, addr string) string {
	t.Helper()
	node := findNode(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "client.mjs"), []byte(client), 0o600); err != nil {
		t.Fatal(err)
	}
	return runScript(t, node, dir, program, addr)
}

// runScript runs a program in a folder that has what it imports.
func runScript(t *testing.T, node, dir, program, addr string) string {
	t.Helper()
	program = strings.ReplaceAll(program, "localhost:3100", addr)
	if err := os.WriteFile(filepath.Join(dir, "program.mjs"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
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

// jsProgram is a program in the page, and what it prints.
type jsProgram struct{ code, prints string }

// jsPrograms returns the client and the programs that use it.
func jsPrograms(t *testing.T) (client string, try, ticket jsProgram) {
	t.Helper()
	blocks, texts := fenced(t, protocolPage, "js"), fenced(t, protocolPage, "text")
	if len(blocks) != 3 {
		t.Fatalf("%s has %d blocks of JavaScript, want the client and two programs", protocolPage, len(blocks))
	}
	texts = texts[len(texts)-2:]
	return blocks[0].code, jsProgram{blocks[1].code, texts[0].code}, jsProgram{blocks[2].code, texts[1].code}
}

func (p jsProgram) compare(t *testing.T, got string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(p.prints) {
		t.Errorf("got\n%s\nwant\n%s", got, p.prints)
	}
}

// The first program in the page prints what the page says, with the server of Getting started.
func TestJavaScriptProgram(t *testing.T) {
	client, program, _ := jsPrograms(t)
	program.compare(t, runNode(t, client, program.code, gettingStarted(t)))
}

// gettingStarted builds the program of that page, starts it, and returns its address.
func gettingStarted(t *testing.T) (addr string) {
	t.Helper()
	program, addr := buildPage(t, "../../../docs/getting-started.md")
	serve(t, program, addr)
	return addr
}

// buildPage builds the program that the Go code of a page is. It will serve at the address.
func buildPage(t *testing.T, page string) (program, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	ln.Close()
	files := map[string]string{}
	for i, b := range goBlocks(t, page) {
		files[fmt.Sprintf("file%d.go", i)] = strings.ReplaceAll(asFile(t, b, "main"), "localhost:3100", addr)
	}
	program = filepath.Join(t.TempDir(), "hello.exe")
	if out, err := consumer.New(t, "example.com/hello", files).Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program, addr
}

// serve starts a program, until the end of the test at the latest, and returns when it can be reached.
func serve(t *testing.T, program, addr string) (server *os.Process, ended chan struct{}) {
	t.Helper()
	cmd := exec.Command(program)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return cmd.Process, ended
		}
		select {
		case <-ended:
			t.Fatalf("%s has ended: %s", program, &out)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// entrance lets everybody in with a token, once. Each connection ends as soon as it is open. The answers to those who ask
// for tokens are a list.
type entrance struct {
	mu      sync.Mutex // guards following
	answers []int
	given   int
	good    map[string]bool
}

func (e *entrance) give(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.answers) == 0 {
		http.Error(w, "nobody asks any more", http.StatusTeapot)
		return
	}
	status := e.answers[0]
	e.answers = e.answers[1:]
	w.WriteHeader(status)
	if status == http.StatusOK {
		e.given++
		token := fmt.Sprint("token", e.given)
		e.good[token] = true
		io.WriteString(w, token)
	}
}

func (e *entrance) OnUpgrade(r *http.Request) (struct{}, error) {
	token := r.FormValue("ticket")
	if _, bearer, ok := strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), "bearer."); ok {
		token = bearer
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.good[token] {
		return struct{}{}, wsgate.Errorf(wsgate.Unauthenticated, "%q is no good", token)
	}
	delete(e.good, token)
	return struct{}{}, nil
}

func (e *entrance) OnOpen(_ context.Context, c *chatConn) error {
	c.Close(websocket.StatusGoingAway, "restarting")
	return nil
}

// runAtEntrance runs a program against an entrance that answers with these statuses, and wants it to ask for all of them.
func runAtEntrance(t *testing.T, client, program string, answers ...int) string {
	t.Helper()
	e := &entrance{answers: answers, good: map[string]bool{}}
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/game", New: func() *entrance { return e }, Subprotocols: []string{"account.v1"}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Handle("POST /ticket", http.HandlerFunc(e.give)); err != nil {
		t.Fatal(err)
	}
	out := runWith(t, client, program, app)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.answers) > 0 {
		t.Errorf("%d answers are left that nobody has asked for", len(e.answers))
	}
	return out
}

// The second program in the page has a new ticket for each connect, and tells those who may not connect from a network
// that is down.
func TestJavaScriptTicket(t *testing.T) {
	client, _, program := jsPrograms(t)
	program.compare(t, runAtEntrance(t, client, program.code, 200, 503, 200, 401))
}

// A function for the subprotocols is asked before each connect, and may throw, be late, or say that nobody is logged in.
func TestJavaScriptProtocols(t *testing.T) {
	client, _, _ := jsPrograms(t)
	got := runAtEntrance(t, client, `
import { Client } from "./client.mjs"
const c = new Client("ws://localhost:3100/game", { protocols: async () => {
  const response = await fetch("http://localhost:3100/ticket", { method: "POST" })
  if (response.status === 500) throw new Error("no token")
  return response.status === 401 ? null : ["account.v1", "bearer." + await response.text()]
} })
c.on("open", () => console.log("open"))
await new Promise(done => c.on("close", e => {
  console.log(JSON.stringify(e), c.send("say", "x"))
  if (!e.again) done()
}))
const d = new Client(() => new Promise(() => {}))               // never says where
console.log(await d.call("say").catch(e => e.code), d.send("say"))
d.close()
let late
const f = new Client(() => new Promise(done => { late = done }))
f.on("open", () => console.log("not to be opened"))
f.close()                                                       // before it knows
const closed = new Promise(done => f.on("close", done))
late("ws://localhost:3100/game")
console.log(JSON.stringify(await closed))
`, 500, 200, 200, 401)
	want := `{"code":1006,"reason":"no token","again":true} false
open
{"code":1001,"reason":"restarting","again":true} false
open
{"code":1001,"reason":"restarting","again":true} false
{"code":0,"reason":"nobody is logged in","again":false} false
closed false
{"code":1006,"reason":"","again":false}
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The client does what its comments say.
func TestJavaScriptClient(t *testing.T) {
	client, _, _ := jsPrograms(t)
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
	client, _, _ := jsPrograms(t)
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
	client, _, _ := jsPrograms(t)
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
