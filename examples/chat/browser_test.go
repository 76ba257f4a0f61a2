package main_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/wsgate/wsgate/examples/internal/chromium"
)

// browser opens the page of the chat.
type browser struct{ *chromium.Browser }

// startBrowser returns the browser. It comes first in a test: the test is skipped if there is none.
func startBrowser(t *testing.T) browser {
	t.Helper()
	return browser{chromium.Start(t)}
}

// open opens a page in a window.
func (b browser) open(t *testing.T, page string) *tab {
	t.Helper()
	return &tab{b.Open(t, page), t}
}

// tab is what a test sees of the page. Its methods fail the test.
type tab struct {
	*chromium.Tab
	t *testing.T
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.Run(actions...)
}

// js runs a script.
func (p *tab) js(script string) {
	p.t.Helper()
	p.JS(script)
}

// evaluate returns what an expression is.
func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	return chromium.Evaluate[T](p.Tab, expression)
}

// awaited returns what the promise that an expression is resolves to.
func awaited[T any](p *tab, expression string) T {
	p.t.Helper()
	return chromium.Awaited[T](p.Tab, expression)
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
	if err := chromedp.Do(p.Ctx, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise)); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Ctx), time.Second)
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
		return chromium.Command(input.DispatchKeyEvent, params)
	}
	p.run(
		chromedp.Focus(chromedp.CSS(field)),
		chromium.Command(input.InsertText, input.InsertTextParams{Text: text}),
		key(input.DispatchKeyEventTypeKeyDown),
		key(input.DispatchKeyEventTypeKeyUp),
	)
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
