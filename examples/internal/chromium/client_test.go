package chromium_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/wsgate/wsgate/examples/internal/chromium"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/test/typescript"
)

func TestMain(m *testing.M) {
	os.Exit(leak.Check(func() int {
		defer http.DefaultClient.CloseIdleConnections()
		defer chromium.Stop()
		return m.Run()
	}))
}

// worker is a program without a window. It tells what it hears.
const worker = `
import { connect } from "./index.js";
onmessage = async ({ data: url }) => {
  const c = connect(url);
  await c.ready();
  const answer = await c.call("echo", { from: "worker", text: typeof document });
  c.close();
  postMessage([answer, c.state.phase]);
};
`

// helpers are what the programs of the tests have.
const helpers = `
const { connect } = await import("/client/index.js");
const socket = (path) => connect(path, { onError: (e) => errors.push(e.code) });
const errors = [];
const reached = (c, condition) => new Promise((resolve) => {
  const look = (s) => { if (condition(s)) { stop(); resolve(s); } };
  const stop = c.subscribe(look);
  look(c.state);
});
const inPhase = (c, phase) => reached(c, (s) => s.phase === phase);
const code = (promise) => promise.then(() => "succeeded", (e) => e.code);
const control = (command) => fetch("/control/" + command, { method: "POST" });
`

type file struct{ name, text string }

// serve serves the client package, files next to it, and a page that may import it.
func serve(t *testing.T, files ...file) (site string) {
	t.Helper()
	dir := t.TempDir()
	typescript.Build(t, dir)
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := typescript.NewServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Address + "/page"
}

// program runs the body of an async function in the page, and compares what it returns.
func program(t *testing.T, p *chromium.Tab, body, want string) {
	t.Helper()
	got := chromium.Awaited[json.RawMessage](p, "(async () => {"+helpers+body+"})()")
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClient(t *testing.T) {
	b := chromium.Start(t)
	p := b.Open(t, serve(t, file{"worker.js", worker}))
	for _, tt := range []struct{ name, body, want string }{
		{
			"events and calls", `
			const c = socket("/chat/1");
			const heard = new Promise((resolve) => c.on("said", resolve));
			await c.ready();
			c.emit("say", "hello");
			const all = [await heard, await c.call("echo", { from: "a", text: "b" }), await c.call("move", { id: 3, title: "x" }), await code(c.do("check", ""))];
			c.close();
			return [...all, errors];`,
			`[{"from":"all","text":"hello"},{"from":"a","text":"b"},{"id":3,"title":"x"},"invalid",[]]`,
		}, {
			"subprotocols, raw texts and binary", `
			const c = connect("/raw");
			const heard = [];
			c.onText((text) => heard.push(text));
			const done = new Promise((resolve) => c.onBinary((data) => resolve([...new Uint8Array(data)])));
			await c.ready();
			c.send("plain");
			c.send(new Uint8Array([1, 2]));
			const binary = await done;
			c.close();
			const d = connect("/private", { protocols: async () => ["v1", "bearer.x"] });
			await d.ready();
			const { protocol } = d.state;
			d.close();
			return [heard, binary, protocol];`,
			`[["plain"],[1,2],"v1"]`,
		}, {
			"a megabyte", `
			const c = socket("/chat/2"), text = "x".repeat(1 << 20);
			await c.ready();
			const answer = await c.call("echo", { from: "", text });
			c.close();
			return answer.text === text;`,
			`true`,
		}, {
			"timeout and abort", `
			const c = socket("/chat/3"), controller = new AbortController();
			await c.ready();
			const calls = [c.call("hang", undefined, { timeout: 10 }), c.call("hang", undefined, { signal: controller.signal })];
			controller.abort();
			const codes = await Promise.all(calls.map(code));
			c.close();
			return codes;`,
			`["timeout","aborted"]`,
		}, {
			"a restart under 50 calls", `
			const c = socket("/chat/4");
			await c.ready();
			const settled = [];
			const calls = Array.from({ length: 50 }, (_, i) => c.call("hang").then(() => settled.push("answer"), (e) => settled.push(i && e.code)));
			await control("hanging?n=1");
			const [s] = await Promise.all([inPhase(c, "waiting"), control("restart"), ...calls]);
			await inPhase(c, "connected");
			const answer = await c.call("echo", { from: "", text: "again" });
			c.close();
			return [s.code, settled.length, [...new Set(settled)].sort(), answer.text];`,
			`[1012,50,[0,"disconnected"],"again"]`,
		}, {
			"a server that refuses at first", `
			await control("refuse");
			const c = socket("/chat/5");
			const s = await inPhase(c, "waiting");
			await control("admit");
			await inPhase(c, "connected");
			c.close();
			return [s.code, s.error.code];`,
			`[1006,"connect"]`,
		}, {
			"a close code of the application", `
			const c = socket("/chat/6");
			await c.ready();
			c.emit("drop", 4001);
			const { code: n, reason } = await inPhase(c, "closed");
			return [n, reason];`,
			`[4001,"dropped"]`,
		}, {
			"a worker", `
			const w = new Worker("/client/worker.js", { type: "module" });
			const heard = new Promise((resolve) => { w.onmessage = (e) => resolve(e.data); });
			w.postMessage(location.origin + "/chat/7");
			const all = await heard;
			w.terminate();
			return all;`,
			`[{"from":"worker","text":"undefined"},"closed"]`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) { program(t, p, tt.body, tt.want) })
	}
}

// The page in the guide runs without a build step.
func TestPageOfGuide(t *testing.T) {
	b := chromium.Start(t)
	text, err := os.ReadFile("../../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```html\n")
	sample, _, found := strings.Cut(after, "\n```\n")
	if !found {
		t.Fatal("the guide has no page")
	}
	site := serve(t, file{"page.html", sample})
	p := b.Open(t, strings.TrimSuffix(site, "page")+"client/page.html")
	chromium.Awaited[chromedp.Void](p, `new Promise((resolve) => {
		const look = () => { if (document.body.innerText.includes("all: hello")) resolve(); };
		new MutationObserver(look).observe(document.body, { childList: true });
		look();
	})`)
	if title := chromium.Evaluate[string](p, "document.title"); title != "connected" {
		t.Errorf("the title is %q", title)
	}
}

func TestTwoTabs(t *testing.T) {
	b := chromium.Start(t)
	site := serve(t)
	first, second := b.Open(t, site), b.Open(t, site)
	const ann = `globalThis.c = socket("/chat/x?user=ann"); await c.ready();`
	program(t, first, `globalThis.other = socket("/chat/x"); await other.ready();
		globalThis.heard = new Promise((resolve) => other.on("said", resolve));`+ann+`return c.state.phase`, `"connected"`)
	program(t, second, ann+`c.emit("say", "from the second tab"); return c.state.phase`, `"connected"`)
	program(t, first, `const { code: n } = await inPhase(c, "closed"); return [n, await heard];`,
		`[4409,{"from":"all","text":"from the second tab"}]`)
	for _, p := range []*chromium.Tab{first, second} {
		p.JS("c.close(); globalThis.other?.close()")
	}
}

// The browser says that the network is gone and comes back; the page is hidden, and seen again.
func TestPageAway(t *testing.T) {
	b := chromium.Start(t)
	p := b.Open(t, serve(t))
	program(t, p, `
		globalThis.c = socket("/chat/away");
		await c.ready();
		globalThis.call = code(c.call("hang", undefined, { timeout: 0 }));
		await control("hanging?n=1");
		return c.state.phase`, `"connected"`)

	offline := func(offline bool) chromedp.Action[chromedp.Void] {
		return chromium.Command(network.OverrideNetworkState, network.OverrideNetworkStateParams{
			Offline: offline, DownloadThroughput: -1, UploadThroughput: -1,
		})
	}
	p.Run(offline(true))
	program(t, p, `const s = await inPhase(c, "waiting"); return [await call, s.error.message, s.wait >= 20_000]`,
		`["disconnected","the network is gone",true]`)
	p.Run(offline(false))
	program(t, p, `await inPhase(c, "connected"); return (await c.call("echo", { from: "", text: "back" })).text`, `"back"`)

	program(t, p, `
		Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
		c.drop("lost while nobody looks");
		const { wait } = c.state;
		delete document.visibilityState;
		document.dispatchEvent(new Event("visibilitychange"));
		await inPhase(c, "connected");
		return wait >= 20_000`, `true`)
	p.JS("c.close()")
}

// A page that the browser keeps connects again when its user comes back to it.
func TestBackForwardCache(t *testing.T) {
	b := chromium.Start(t)
	site := serve(t)
	p := b.Open(t, site)
	program(t, p, `
		globalThis.c = socket("/chat/kept");
		globalThis.seen = [];
		c.subscribe((s) => seen.push(s.phase));
		c.subscribe((s) => { if (s.phase === "connected" && seen.length > 1) code(c.call("hang", undefined, { timeout: 0 })); });
		await c.ready();
		return seen`, `["connected"]`)
	p.Run(chromedp.Navigate(site + "?other"))
	if !chromium.Evaluate[bool](p, `globalThis.c === undefined`) {
		t.Fatal("the other page has the client of the first")
	}
	p.JS("setTimeout(() => history.back())") // a page that comes back does not load: there is no such event to wait for
	resp, err := http.Get(strings.TrimSuffix(site, "page") + "control/hanging?n=1")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	program(t, p, `await inPhase(c, "connected"); c.close(); return seen`, `["connected","waiting","connecting","connected","closed"]`)
}
