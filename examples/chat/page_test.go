package main_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/examples/internal/chromium"
	"github.com/wsgate/wsgate/wstest"
)

func TestPage(t *testing.T) {
	app := newApp(t, filepath.Join(t.TempDir(), "chat.db"))
	get := func(path string) *httptest.ResponseRecorder {
		res := httptest.NewRecorder()
		app.ServeHTTP(res, httptest.NewRequest(http.MethodGet, path, nil))
		return res
	}
	for path, want := range map[string]struct{ kind, has string }{
		"/":                 {"text/html; charset=utf-8", "<title>Chat</title>"},
		"/app.js":           {"text/javascript; charset=utf-8", "import"},
		"/wsgate/client.js": {"text/javascript; charset=utf-8", "WebSocket"},
		"/view.js":          {"text/javascript; charset=utf-8", "textContent"},
		"/text.js":          {"text/javascript; charset=utf-8", "noopener"},
		"/style.css":        {"text/css; charset=utf-8", "prefers-color-scheme"},
		"/icon.svg":         {"image/svg+xml", "<svg"},
	} {
		res := get(path)
		kind, policy := res.Header().Get("Content-Type"), res.Header().Get("Content-Security-Policy")
		if res.Code != http.StatusOK || kind != want.kind || !strings.Contains(res.Body.String(), want.has) {
			t.Errorf("%s: status %d, %q, want a %q with %q", path, res.Code, kind, want.kind, want.has)
		}
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
	if res := get("/chat.db"); res.Code != http.StatusNotFound {
		t.Errorf("a file that is not there: status %d", res.Code)
	}
}

func TestPageTalk(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := b.open(t, "http://"+s.addr+"/?username=Bob")
	bob.connected()
	ada.shows("#people .label", "Bob")
	ada.shows("#log .note", "Bob came in")
	ada.shows("#subtitle", "2 people here")

	ada.say("Hello, Bob!")
	bob.shows("#log .text", "Hello, Bob!")
	bob.shows("#log .by b", "Ada")
	bob.say("Hello, Ada!\nHow are you?")
	ada.shows("#log .text", "Hello, Ada!\nHow are you?")

	// A name is changed in the dialog.
	bob.click("#me")
	bob.enter("#name", "Rob")
	bob.shows("#me-name", "Rob")
	ada.shows("#log .note", "Bob is now called Rob")
	ada.shows("#people .label", "Rob")

	// What the server refuses is said, and comes back into the box.
	bob.js(`document.getElementById("text").removeAttribute("maxlength")`)
	long := strings.Repeat("x", 2001)
	bob.enter("#text", long)
	bob.shows("#notice-text", "Not sent. A message has at most 2,000 characters; this one has 2,001.")
	if box := evaluate[string](bob, `document.getElementById("text").value`); box != long {
		t.Errorf("the box has %d characters, want the 2001 that were not sent", len(box))
	}
}

// What people write stays text, wherever it is shown.
func TestPageShowsTextOnly(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	const script = `<script>window.hit = 1</script>`
	const image = `<img src=x onerror=window.hit=1>`
	mallory := dial(t, s, "?username=%3Cimg+src%3Dx+onerror%3Dwindow.hit%3D1%3E")
	mallory.await(event{"type": "message", "text": "before"})
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	ada.shows("#log .by b", image)
	ada.shows("#people .label", image)
	ada.say(script)
	ada.say(image)

	ada.row("#people", image)
	ada.shows("#title", image)
	ada.say(script)
	mallory.await(event{"type": "rename", "username": "<b>M</b>"})
	ada.shows("#privates .label", "<b>M</b>")
	mallory.await(event{"type": "join", "room": "<i>x</i>"})
	ada.row("#rooms", "<i>x</i>")
	ada.shows("#title", "# <i>x</i>")

	found := evaluate[int](ada, `document.querySelectorAll("#log :is(img, script), ul :is(img, script, b, i), h1 *").length`)
	if found != 0 {
		t.Errorf("%d elements were made of what people wrote", found)
	}
	if evaluate[bool](ada, `"hit" in window`) {
		t.Error("what people wrote was run")
	}
}

func TestPageRooms(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := b.open(t, "http://"+s.addr+"/?username=Bob")
	bob.connected()

	bob.enter("#new-room-name", "general")
	bob.shows("#title", "# general")
	ada.shows("#log .note", "Bob came in and left")
	ada.lacks("#people .label", "Bob")
	ada.shows("#rooms .label", "general")
	bob.say("Is anybody here?")
	bob.say("Hello?")
	ada.shows("#rooms .badge", "2 unread")
	ada.wait(`document.title === "(2) #lobby"`)

	ada.row("#rooms", "general")
	ada.shows("#log .text", "Is anybody here?")
	ada.wait(`document.querySelectorAll("#people li").length === 2`)
	ada.wait(`!document.querySelector("#rooms .badge")`)
	ada.wait(`document.title === "#general"`)
	bob.shows("#log .note", "Ada came in")
	ada.say("I am.")
	bob.shows("#log .text", "I am.")

	// A name that cannot be a room's leaves everything as it was.
	ada.enter("#new-room-name", "a\u202eb")
	ada.shows("#notice-text", "“a\u202eb” cannot be the name of a room: it has characters that cannot be seen.")
	ada.shows("#title", "# general")
	ada.say("Still here.")
	bob.shows("#log .text", "Still here.")

	// A reload comes back to the room and knows what was read.
	ada.run(chromedp.Reload())
	ada.connected()
	ada.shows("#title", "# general")
	ada.shows("#log .text", "Still here.")
	ada.wait(`!document.querySelector("#rooms .badge")`)
}

func TestPagePrivate(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := b.open(t, "http://"+s.addr+"/?username=Bob")
	bob.connected()

	ada.row("#people", "Bob")
	ada.shows("#title", "Bob")
	ada.say("Just between us")
	bob.shows("#privates .badge", "1 unread")
	bob.lacks("#log .text", "Just between us")
	bob.row("#privates", "Ada")
	bob.shows("#log .text", "Just between us")
	bob.lacks("#privates .badge", "1 unread")
	bob.say("Of course")
	ada.shows("#log .text", "Of course")

	ada.row("#rooms", "lobby")
	ada.shows("#title", "# lobby")
	ada.lacks("#log .text", "Of course")
	bob.say("One more thing")
	ada.shows("#privates .badge", "1 unread")

	// To somebody who is gone.
	bob.run(chromedp.Navigate("about:blank"))
	ada.shows("#log .note", "Bob came in and left")
	ada.row("#privates", "Bob")
	ada.shows("#log .text", "One more thing")
	ada.enter("#text", "Are you there?")
	ada.shows("#notice-text", "Not sent. Bob is away, and private messages are not kept.")
	ada.wait(`document.getElementById("text").value === "Are you there?"`)
	ada.shows("#privates .detail", "away")
}

// A page whose connection the server has ended for good stays away, also when the network is back, until somebody wants it.
func TestPageStaysAway(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	if err := s.app.Hub().Disconnect(t.Context(), wsgate.StatusReplaced, "replaced elsewhere"); err != nil {
		t.Fatal(err)
	}
	ada.shows("#state-text", "Disconnected")
	ada.shows("#notice-text", "You have opened the chat in another tab or window.")
	ada.shows("#retry", "Use it here")
	ada.js(`dispatchEvent(new Event("online"))`)
	ada.shows("#state-text", "Disconnected")
	if n := s.app.Hub().Len(); n > 0 {
		t.Errorf("%d connections, want none", n)
	}
	ada.click("#retry")
	ada.connected()
}

// The server goes and comes back; the page does so too, into its room, and with what was said in the meantime.
func TestPageReconnects(t *testing.T) {
	b := startBrowser(t)
	db := filepath.Join(t.TempDir(), "chat.db")
	s := serve(t, "localhost:0", db)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada&room=general")
	ada.connected()
	ada.say("before")
	ada.js(`document.getElementById("text").value = "unfinished"`)

	s.stop()
	ada.wait(`document.getElementById("state").dataset.state !== "connected" && document.getElementById("send").disabled`)
	store, closeStore := openStore(t, db)
	save(t, store, "general", "meanwhile")
	closeStore()
	s = serve(t, s.addr, db)

	ada.shows("#state-text", "Connected")
	ada.shows("#log .text", "meanwhile")
	ada.shows("#title", "# general")
	said := evaluate[[]string](ada, `[...document.querySelectorAll("#log .text")].map((el) => el.textContent)`)
	if diff := cmp.Diff([]string{"before", "meanwhile"}, said); diff != "" {
		t.Errorf("after the return (-want +got):\n%s", diff)
	}
	ada.wait(`document.getElementById("text").value === "unfinished"`)

	bob := dial(t, s, "?username=Bob")
	bob.await(event{"type": "join", "room": "general"})
	ada.shows("#log .note", "Bob came in")
	bob.await(event{"type": "message", "text": "after"})
	ada.shows("#log .text", "after")
}

// Two pages, each on a node of its own.
func TestPageOnTwoNodes(t *testing.T) {
	b := startBrowser(t)
	broker, db := new(wstest.Broker), filepath.Join(t.TempDir(), "chat.db")
	one, two := serveNode(t, broker, "localhost:0", db), serveNode(t, broker, "localhost:0", db)
	ada := b.open(t, "http://"+one.addr+"/?username=Ada")
	ada.connected()
	bob := b.open(t, "http://"+two.addr+"/?username=Bob")
	bob.connected()
	ada.shows("#log .note", "Bob came in")
	ada.shows("#people .label", "Bob")
	bob.shows("#people .label", "Ada")
	ada.say("Hello from one node!")
	bob.shows("#log .text", "Hello from one node!")
	bob.say("Hello from the other!")
	ada.shows("#log .text", "Hello from the other!")

	bob.click("#me")
	bob.enter("#name", "Rob")
	ada.shows("#people .label", "Rob")
	bob.enter("#new-room-name", "general")
	ada.lacks("#people .label", "Rob")
	ada.row("#rooms", "general")
	ada.shows("#people .label", "Rob")
	ada.row("#people", "Rob")
	ada.say("Just between us")
	bob.shows("#privates .badge", "1 unread")

	// Without the engine each node is a chat of its own. What was missed is in the history, and in presence.
	broker.SetAway(errors.New("gone fishing"))
	ada.row("#rooms", "general")
	ada.say("Can you hear me?")
	bob.lacks("#log .text", "Can you hear me?")
	bob.say("Is anybody there?")
	bob.shows("#log .text", "Can you hear me?")
	bob.click("#me")
	bob.enter("#name", "Robert")
	bob.shows("#people .label", "Robert")
	broker.SetAway(nil)
	ada.shows("#people .label", "Robert") // nobody has heard him say so: that is presence
	bob.say("Now?")
	ada.shows("#log .text", "Now?")
	ada.shows("#log .text", "Is anybody there?")

	two.stop()
	ada.shows("#log .note", "Robert left")
	ada.lacks("#people .label", "Robert")
}

func TestPageAsksForAName(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/")
	ada.wait(`document.getElementById("name-dialog").open`)
	ada.enter("#name", "Ada")
	ada.connected()
	ada.shows("#me-name", "Ada")
	ada.run(chromedp.Reload())
	ada.connected()
	ada.shows("#me-name", "Ada")

	// Escape leaves the name as it is.
	ada.click("#me")
	ada.run(
		chromium.Command(input.InsertText, input.InsertTextParams{Text: "Bob"}),
		chromedp.KeyEvent(kb.Escape),
	)
	ada.wait(`!document.getElementById("name-dialog").open`)
	ada.say("Who am I?")
	ada.shows("#log .by b", "Ada")
}

func TestPageInARoomThatCannotBe(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada&room="+strings.Repeat("x", 41))
	ada.connected()
	ada.shows("#notice-text", "“"+strings.Repeat("x", 40)+"” cannot be the name of a room: it has at most 40 characters.")
	ada.shows("#title", "# lobby")
	ada.say("Here.")
}

// A name in the address that the server would refuse is made to fit: the page could not learn why it is refused.
func TestPageWithANameThatCannotBe(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=%E2%80%AE"+strings.Repeat("x", 41))
	ada.connected()
	ada.shows("#me-name", strings.Repeat("x", 40))
}

func TestPageOnAPhone(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	bob := dial(t, s, "?username=Bob")
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.run(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile, chromedp.EmulateTouch))
	ada.connected()
	bob.await(event{"type": "message", "text": strings.Repeat("wide", 100)})
	ada.shows("#log .by b", "Bob")
	ada.targets()

	ada.click("#open-people")
	ada.wait(`document.getElementById("people-panel").getBoundingClientRect().right <= innerWidth`)
	ada.targets()
	ada.row("#people", "Bob")
	ada.shows("#title", "Bob")
	ada.targets()
	bob.await(event{"type": "message", "text": "in the lobby"})
	ada.shows("#open-rooms .badge", "1 unread")
	ada.click("#open-rooms")
	ada.targets()
	ada.row("#rooms", "lobby")
	ada.shows("#title", "# lobby")
	ada.wait(`!document.querySelector(".panel.open")`)
	ada.say("from the phone")
}

// targets fails if something to touch is smaller than 44 pixels, or the page wider than the screen.
func (p *tab) targets() {
	p.t.Helper()
	small := evaluate[[]string](p, `[...document.querySelectorAll("button, input, textarea")].filter((el) => {
		const { width, height } = el.getBoundingClientRect();
		return el.checkVisibility({ visibilityProperty: true }) && (width < 44 || height < 44);
	}).map((el) => el.outerHTML)`)
	if len(small) > 0 {
		p.t.Errorf("too small to touch: %q", small)
	}
	if evaluate[bool](p, `document.documentElement.scrollWidth > screen.width`) {
		p.t.Error("the page is wider than the screen")
	}
}
