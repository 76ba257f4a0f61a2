package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Older messages come when the reader scrolls up, and what is on the screen stays where it is.
func TestPageLoadsOlderMessages(t *testing.T) {
	b := startBrowser(t)
	db := filepath.Join(t.TempDir(), "chat.db")
	store, closeStore := openStore(t, db)
	for i := range 250 {
		save(t, store, "general", fmt.Sprint("line ", i+1))
	}
	closeStore()
	s := serve(t, "localhost:0", db)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada&room=general")
	ada.connected()
	ada.shows("#log .text", "line 250")
	ada.lacks("#log .text", "line 150")

	ada.js(`window.find = (text) => [...document.querySelectorAll("#log .text")].find((el) => el.textContent === text);
		window.place = () => find("line 151").getBoundingClientRect().bottom;
		document.getElementById("log").scrollTop = 30;
		window.before = place()`)
	ada.shows("#log .text", "line 51")
	if moved := evaluate[float64](ada, `place() - before`); moved < -2 || moved > 2 {
		t.Errorf("what was read moved by %v pixels", moved)
	}
	ada.js(`document.getElementById("log").scrollTop = 0`)
	ada.shows("#log .text", "line 1")
	ada.wait(`!document.querySelector("#log .older")`)
	equal(t, evaluate[int](ada, `document.querySelectorAll("#log .text").length`), 250)
	ada.say("At the end again.")
}

// A room is in the address, and the browser goes back and forth between rooms.
func TestPageAddress(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := b.open(t, "http://"+s.addr+"/?username=Bob")
	bob.connected()
	at := func(room, title string) {
		t.Helper()
		ada.shows("#title", title)
		ada.wait(fmt.Sprintf(`new URLSearchParams(location.search).get("room") === %q`, room))
	}
	at("lobby", "# lobby")
	ada.enter("#new-room-name", "tea & cake")
	at("tea & cake", "# tea & cake")
	bob.lacks("#people .label", "Ada")
	ada.enter("#new-room-name", "a\u202eb") // cannot be: it is not in the history either
	ada.wait(`document.getElementById("notice-text").textContent.includes("cannot be")`)
	at("tea & cake", "# tea & cake")
	ada.js(`history.back()`)
	at("tea & cake", "# tea & cake")
	ada.js(`history.back()`)
	at("lobby", "# lobby")
	bob.shows("#people .label", "Ada")
	ada.row("#people", "Bob")
	at("lobby", "Bob")
	ada.js(`history.back()`)
	at("lobby", "# lobby")
	ada.js(`history.forward()`)
	at("lobby", "Bob")

	bob.run(chromedp.Navigate("http://" + s.addr + "/?username=Bob&room=tea+%26+cake"))
	bob.connected()
	bob.shows("#title", "# tea & cake")
	bob.say("The link led here.")
}

// Addresses become links, and nothing else does.
func TestPageLinks(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	for text, want := range map[string][]string{
		"no link":                               {},
		"http://example.com":                    {"http://example.com/"},
		"See https://example.com/a?b=c#d.":      {"https://example.com/a?b=c#d"},
		"(https://example.com/a_(b)), and":      {"https://example.com/a_(b)"},
		"Really?! https://example.com/?q=1?!":   {"https://example.com/?q=1"},
		"https://a.example https://b.example":   {"https://a.example/", "https://b.example/"},
		"<a href=\"https://example.com\">x</a>": {"https://example.com/"},
		"https://example.com/\"onclick=hit":     {"https://example.com/"},
		"javascript:alert(1)":                   {},
		"javascript:https://example.com":        {"https://example.com/"},
		"data:text/html,x file:///etc/passwd":   {},
		"https://bank.example@evil.example/":    {},
		"http://":                               {},
		"xhttps://example.com":                  {},
	} {
		quoted, _ := json.Marshal(text)
		got := awaited[map[string][]string](ada, fmt.Sprintf(`import("/text.js").then(({ linked }) => {
			const el = document.createElement("p");
			el.append(...linked(%s));
			const links = [...el.querySelectorAll("*")];
			return { text: [el.textContent], href: links.map((a) => a.href),
				rel: [...new Set(links.map((a) => a.localName + " " + a.rel + " " + a.target))] };
		})`, quoted))
		equal(t, got["text"], []string{text})
		equal(t, got["href"], want)
		if len(want) > 0 {
			equal(t, got["rel"], []string{"a noopener noreferrer _blank"})
		}
	}
	ada.connected()
	ada.say("Look: https://example.com/.")
	ada.shows("#log .text a", "https://example.com/")
}

// Each message has its sender and time, though the eye sees them once.
func TestPageNamesFollowUps(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	ada.say("one")
	ada.say("two")
	ada.wait(`document.querySelectorAll("#log .more").length === 1`)
	heard := evaluate[[]string](ada, `[...document.querySelectorAll("#log article")].map((el) => el.innerText.split(/\s/)[el.classList.contains("more") ? 0 : 2])`)
	equal(t, heard, []string{"Ada", "Ada"})
	if !evaluate[bool](ada, `document.querySelector("#log .more time").dateTime > "" && document.querySelector("#log .more .by").offsetHeight <= 1`) {
		t.Error("the name and time of the second message are not there, or are seen")
	}
}

// Who comes and goes all the time takes one line.
func TestPageCollapsesComingAndGoing(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	for range 3 {
		bob := dialAs(t, s, bobToken, "?username=Bob")
		bob.ws.CloseNow()
		ada.lacks("#people .label", "Bob")
	}
	ada.shows("#log .note", "Bob came in and left")
	dialAs(t, s, annToken, "?username=Ann")
	ada.shows("#log .note", "Ann came in; Bob came in and left")
	dial(t, s, "?username=Cleo")
	ada.shows("#log .note", "Ann and Cleo came in; Bob came in and left")
	equal(t, evaluate[int](ada, `document.querySelectorAll("#log .note").length`), 1)
	ada.say("Hello!")
	dialAs(t, s, bobToken, "?username=Bob")
	ada.shows("#log .note", "Bob came in")
}

// A page that nobody looks at counts what comes, and shows where that begins.
func TestPageShowsWhatIsNew(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := dial(t, s, "?username=Bob")
	tell := func(text string) { bob.await(event{"type": "message", "text": text}) }
	hide := func(hidden bool) {
		ada.js(fmt.Sprintf(`Object.defineProperty(document, "hidden", { configurable: true, get: () => %v });
			document.dispatchEvent(new Event("visibilitychange"))`, hidden))
	}
	tell("seen")
	ada.shows("#log .text", "seen")
	hide(true)
	tell("first")
	tell("second")
	ada.wait(`document.title === "(2) #lobby"`)
	hide(false)
	ada.wait(`document.title === "#lobby"`)
	ada.wait(`document.querySelector("#log .new")?.nextElementSibling.querySelector(".text").textContent === "first"`)
	tell("third")
	ada.shows("#log .text", "third")
	equal(t, evaluate[int](ada, `document.querySelectorAll("#log .new").length`), 1)
	ada.say("I am here.")
	ada.wait(`!document.querySelector("#log .new")`)

	// The same in another room, and after a reload.
	ada.enter("#new-room-name", "elsewhere")
	ada.shows("#title", "# elsewhere")
	tell("fourth")
	ada.shows("#rooms .badge", "1 unread")
	ada.run(chromedp.Reload())
	ada.connected()
	ada.shows("#title", "# elsewhere")
	ada.row("#rooms", "lobby")
	ada.wait(`document.querySelector("#log .new")?.nextElementSibling.querySelector(".text").textContent === "fourth"`)
	equal(t, evaluate[int](ada, `document.querySelectorAll("#log .new").length`), 1)
}

func TestPageTyping(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := dial(t, s, "?username=Bob")
	bob.await(event{"type": "typing"})
	ada.shows("#typing", "Bob is typing…")
	bob.await(event{"type": "message", "text": "Hello!"})
	ada.shows("#log .text", "Hello!")
	ada.shows("#typing", "")

	// It is forgotten when nothing comes.
	ada.js(`const wait = setTimeout; window.setTimeout = (f, ms) => wait(f, ms === 6000 ? 100 : ms)`)
	ada.js(`window.shown = false; new MutationObserver(() => { shown ||= document.getElementById("typing").textContent !== "" })
		.observe(document.getElementById("typing"), { childList: true })`)
	drain(bob)
	bob.send(event{"type": "message", "text": "…"})
	ada.shows("#log .text", "…")
	eve := dial(t, s, "?username=Eve")
	eve.await(event{"type": "typing"})
	ada.wait(`shown && document.getElementById("typing").textContent === ""`)

	// Every letter is told of, but not more than once in a while; and only where it would be heard.
	drain(bob, eve)
	ada.js(`window.told = 0;
		const send = WebSocket.prototype.send;
		WebSocket.prototype.send = function (frame) { told += frame.includes("typing"); send.call(this, frame); }`)
	ada.js(`const box = document.getElementById("text"); for (const c of "Hello") { box.value += c; box.dispatchEvent(new Event("input")); }`)
	e := bob.read()
	equal(t, []any{e["type"], e["from"], e["room"]}, []any{"typing", "Ada", "lobby"})
	bob.ask(event{"type": "users", "room": "nowhere"})
	equal(t, evaluate[int](ada, `told`), 1)
}

// What is read has room, on every screen and with every size of letters.
func TestPageLayout(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	dial(t, s, "?username=Bob").await(event{"type": "message", "text": strings.Repeat("some words ", 100)})
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	ada.shows("#log .by b", "Bob")
	dialAs(t, s, bobToken, "?username=Bartholomew")
	ada.row("#people", "Bartholomew")
	ada.shows("#title", "Bartholomew")
	ada.js(`document.getElementById("text").removeAttribute("maxlength")`)
	ada.enter("#text", strings.Repeat("too long ", 300))
	ada.wait(`!document.getElementById("notice").hidden`)
	awaited[bool](ada, `import("/view.js").then((v) => { v.showState({ phase: "waiting", wait: 15_000 }); return true; })`)
	for _, screen := range []struct {
		width, height int64
		letters       string
	}{{2560, 1440, "100%"}, {1280, 800, "100%"}, {390, 844, "100%"}, {1280, 800, "200%"}, {390, 844, "200%"}, {844, 390, "100%"}} {
		ada.run(chromedp.EmulateViewport(screen.width, screen.height))
		faults := awaited[[]string](ada, fmt.Sprintf(`(async () => {
			document.documentElement.style.fontSize = %q;
			await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
			const $ = (id) => document.getElementById(id);
			const box = (id) => $(id).getBoundingClientRect();
			const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
			const column = $("log").querySelector("*").getBoundingClientRect().width;
			return Object.entries({
				"the line is too long": column > 46.1 * rem,
				"the line is too short": column < Math.min(20 * rem, innerWidth * 0.8),
				"the title is cut": $("title").scrollWidth > $("title").clientWidth,
				"the warning is cut": $("subtitle").scrollWidth > $("subtitle").clientWidth,
				"the error covers the text": box("notice").bottom > box("text").top || box("notice").top < $("log").getBoundingClientRect().bottom,
				"the button is outside": box("retry").right > innerWidth || box("retry").width === 0,
				"the page is too wide": document.documentElement.scrollWidth > innerWidth,
			}).filter(([, wrong]) => wrong).map(([fault]) => fault);
		})()`, screen.letters))
		if len(faults) > 0 {
			t.Errorf("%d x %d, letters %s: %q", screen.width, screen.height, screen.letters, faults)
		}
	}
	ada.js(`document.getElementById("text").value = ""; document.getElementById("notice").hidden = true; document.documentElement.style.fontSize = ""`)
	ada.run(chromedp.EmulateViewport(390, 844))
	if height := evaluate[float64](ada, `document.getElementById("text").offsetHeight`); height > 50 {
		t.Errorf("the empty box is %v pixels high, want one line", height)
	}
}
