// Package chromium lets tests use a real browser.
package chromium

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"github.com/wsgate/wsgate/internal/test/need"
)

// patience is how long what a test does with a page may take.
const patience = time.Minute

// Browser is a running Chromium. Opening a page is its method, so that a test asks whether there is one before it starts
// a server.
type Browser struct {
	ctx   context.Context
	close func()
	idle  []*Window // that a test is done with
}

// running is the browser of all tests of a program, which run one after the other.
var running struct {
	once    sync.Once // guards following
	browser *Browser  // nil if it did not start
	err     error
}

// Start returns the browser. It comes first in a test: the test is skipped if there is none.
func Start(t *testing.T) *Browser {
	t.Helper()
	path := need.Program(t, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
	running.once.Do(func() { running.browser, running.err = newBrowser(path) })
	if running.err != nil {
		t.Fatalf("starting Chromium: %v", running.err)
	}
	return running.browser
}

// Stop ends the browser, if it was started.
func Stop() {
	if running.browser != nil {
		running.browser.close()
	}
}

func newBrowser(path string) (*Browser, error) {
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
	b := &Browser{ctx: ctx, close: func() {
		endBrowser()
		endProcess()
	}}
	if err := chromedp.Do(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// Window is a window with cookies and storage of its own. The next test uses it again: opening one takes long.
type Window struct {
	Ctx context.Context // ends with the browser

	mu  sync.Mutex // guards following
	tab *Tab       // nil while nobody uses the window
}

// NewWindow opens a window.
func (b *Browser) NewWindow(t *testing.T) *Window {
	t.Helper()
	w := new(Window)
	w.Ctx, _ = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.listen))
	if err := chromedp.Do(w.Ctx, Command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
	})); err != nil {
		t.Fatalf("opening a window: %v", err)
	}
	return w
}

// show makes tab the one that hears of what happens in the window.
func (w *Window) show(tab *Tab) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tab = tab
}

func (w *Window) listen(e any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tab != nil {
		w.tab.listen(e)
	}
}

// Tab is what a test sees of a window. Its methods fail the test.
type Tab struct {
	Ctx context.Context

	t       *testing.T
	browser *Browser
	window  *Window

	mu       sync.Mutex // guards following
	problems []string   // exceptions, and what the page's policy forbade
	console  []string   // what console.log got
}

// Open opens a page in a window.
func (b *Browser) Open(t *testing.T, page string) *Tab {
	t.Helper()
	if len(b.idle) == 0 {
		b.idle = append(b.idle, b.NewWindow(t))
	}
	last := len(b.idle) - 1
	p := &Tab{t: t, browser: b, window: b.idle[last]}
	b.idle = b.idle[:last]
	var cancel func()
	p.Ctx, cancel = context.WithTimeout(p.window.Ctx, patience)
	t.Cleanup(func() {
		p.leave()
		cancel()
	})
	p.window.show(p)
	origin, _, _ := strings.Cut(page, "/?")
	p.Run(
		Command(storage.ClearDataForOrigin, storage.ClearDataForOriginParams{Origin: origin, StorageTypes: "all"}),
		chromedp.EmulateViewport(1200, 750),
		chromedp.Navigate(page),
	)
	return p
}

// leave fails the test if the page had problems, and gives the window back.
func (p *Tab) leave() {
	p.window.show(nil)
	for _, problem := range p.problems {
		p.t.Error(problem)
	}
	if !p.t.Failed() && chromedp.Do(p.Ctx, chromedp.Navigate("about:blank")) == nil {
		p.browser.idle = append(p.browser.idle, p.window)
	}
}

// Console returns what the page has logged.
func (p *Tab) Console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.console)
}

func (p *Tab) listen(e any) {
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

// Run does something with the page.
func (p *Tab) Run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.Ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// JS runs a script.
func (p *Tab) JS(script string) {
	p.t.Helper()
	Evaluate[chromedp.Void](p, script)
}

// Evaluate returns what an expression is.
func Evaluate[T any](p *Tab, expression string) T {
	p.t.Helper()
	result, err := chromedp.Run(p.Ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return result
}

// Awaited returns what the promise that an expression is resolves to.
func Awaited[T any](p *Tab, expression string) T {
	p.t.Helper()
	result, err := chromedp.Run(p.Ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return result
}

// Command is a step that is one command of the protocol.
func Command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		_, err := cdp.Call(ctx, page, cmd, params)
		return err
	})
}
