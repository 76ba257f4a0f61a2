package main_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"github.com/wsgate/wsgate/internal/test/need"
)

// browser is a running Chromium. Opening a page is its method, so that a test asks whether there is one before it starts
// a server.
type browser struct {
	ctx   context.Context
	close func()
	idle  []*window // that a test is done with
}

// chromium is the browser of all tests, which run one after the other.
var chromium struct {
	once    sync.Once // guards following
	browser *browser  // nil if it did not start
	err     error
}

// startBrowser returns the browser. It comes first in a test: the test is skipped if there is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := need.Program(t, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
	chromium.once.Do(func() { chromium.browser, chromium.err = newBrowser(path) })
	if chromium.err != nil {
		t.Fatalf("starting Chromium: %v", chromium.err)
	}
	return chromium.browser
}

func closeBrowser() {
	if chromium.browser != nil {
		chromium.browser.close()
	}
}

func newBrowser(path string) (*browser, error) {
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path)}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage",
		// A window that no one looks at works as fast as any other.
		"disable-background-timer-throttling", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	process, endProcess := chromedp.NewExecAllocator(context.Background(), options...) // in a fresh profile folder
	ctx, endBrowser := chromedp.NewContext(process)
	b := &browser{ctx: ctx, close: func() {
		endBrowser()
		endProcess()
	}}
	if err := chromedp.Do(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// window is a window with cookies and storage of its own. The next test uses it again: opening one takes long.
type window struct {
	ctx context.Context

	mu  sync.Mutex // guards following
	tab *tab       // nil while nobody uses the window
}

func (b *browser) newWindow(t *testing.T) *window {
	t.Helper()
	w := new(window)
	w.ctx, _ = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.listen)) // ends with the browser's
	if err := chromedp.Do(w.ctx, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
	})); err != nil {
		t.Fatalf("opening a window: %v", err)
	}
	return w
}

// show makes tab the one that hears of what happens in the window.
func (w *window) show(tab *tab) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tab = tab
}

func (w *window) listen(e any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tab != nil {
		w.tab.listen(e)
	}
}

// tab is what a test sees of a window. Its methods fail the test.
type tab struct {
	t       *testing.T
	browser *browser
	window  *window
	ctx     context.Context

	mu       sync.Mutex // guards following
	problems []string   // exceptions, and what the page's policy forbade
	console  []string   // what console.log got
}

// open opens a page in a window.
func (b *browser) open(t *testing.T, page string) *tab {
	t.Helper()
	if len(b.idle) == 0 {
		b.idle = append(b.idle, b.newWindow(t))
	}
	last := len(b.idle) - 1
	p := &tab{t: t, browser: b, window: b.idle[last]}
	b.idle = b.idle[:last]
	var cancel func()
	p.ctx, cancel = context.WithTimeout(p.window.ctx, patience)
	t.Cleanup(func() {
		p.leave()
		cancel()
	})
	p.window.show(p)
	origin, _, _ := strings.Cut(page, "/?")
	p.run(
		command(storage.ClearDataForOrigin, storage.ClearDataForOriginParams{Origin: origin, StorageTypes: "all"}),
		chromedp.EmulateViewport(1200, 750),
		chromedp.Navigate(page),
	)
	return p
}

// leave fails the test if the page had problems, and gives the window back.
func (p *tab) leave() {
	p.window.show(nil)
	for _, problem := range p.problems {
		p.t.Error(problem)
	}
	if !p.t.Failed() && chromedp.Do(p.ctx, chromedp.Navigate("about:blank")) == nil {
		p.browser.idle = append(p.browser.idle, p.window)
	}
}

func (p *tab) listen(e any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, arg := range e.Args {
			words = append(words, string(arg.Value))
		}
		p.console = append(p.console, strings.Join(words, " "))
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity {
			p.problems = append(p.problems, e.Entry.Text)
		}
	}
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// js runs a script.
func (p *tab) js(script string) {
	p.t.Helper()
	evaluate[chromedp.Void](p, script)
}

// evaluate returns what an expression is.
func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	result, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return result
}

// awaited returns what the promise that an expression is resolves to.
func awaited[T any](p *tab, expression string) T {
	p.t.Helper()
	result, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return result
}

// wait waits until the condition, an expression, holds after some change of the document.
func (p *tab) wait(condition string) {
	p.t.Helper()
	script := fmt.Sprintf(`new Promise((resolve) => {
		const look = () => {
			if (!(%s)) return;
			watch.disconnect();
			resolve(true);
		};
		const watch = new MutationObserver(look);
		watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		look();
	})`, condition)
	if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise)); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), time.Second)
		defer cancel()
		page, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		p.t.Fatalf("waiting for %s: %v; the page says:\n%s", condition, err, page)
	}
}

// shows waits until an element shows exactly that text.
func (p *tab) shows(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`[...document.querySelectorAll(%q)].some((el) => el.textContent.trim() === %q)`, selector, text))
}

// lacks waits until no element shows that text.
func (p *tab) lacks(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`![...document.querySelectorAll(%q)].some((el) => el.textContent.trim() === %q)`, selector, text))
}

// click clicks where the element is, once it is there.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector)))
}

// row clicks the row of a list that has that label, in one script: what happens draws lists again, and a row that was
// found is not there any more when the mouse comes.
func (p *tab) row(list, label string) {
	p.t.Helper()
	p.shows(list+" button .label", label)
	p.js(fmt.Sprintf(`[...document.querySelectorAll(%q)].find((el) => el.querySelector(".label").textContent === %q).click()`, list+" button", label))
}

// enter types a text into a field and presses Enter.
func (p *tab) enter(field, text string) {
	p.t.Helper()
	key := func(kind input.DispatchKeyEventType) chromedp.Action[chromedp.Void] {
		params := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
		if kind == input.DispatchKeyEventTypeKeyDown {
			params.Text = "\r" // what it types, unless the page handles the key
		}
		return command(input.DispatchKeyEvent, params)
	}
	p.run(
		chromedp.Focus(chromedp.CSS(field)),
		command(input.InsertText, input.InsertTextParams{Text: text}),
		key(input.DispatchKeyEventTypeKeyDown),
		key(input.DispatchKeyEventTypeKeyUp),
	)
}

// command is a step that is one command of the protocol.
func command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, cmd, params)
		return err
	})
}

// say says something in the conversation that is shown, and waits until it is there.
func (p *tab) say(text string) {
	p.t.Helper()
	p.enter("#text", text)
	p.shows("#log .mine .text", text)
	p.wait(`document.getElementById("text").value === ""`)
}

func (p *tab) connected() {
	p.t.Helper()
	p.shows("#state-text", "Connected")
	p.wait(`document.querySelectorAll("#people li").length > 0`)
}
