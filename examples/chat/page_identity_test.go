package main_test

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// A private conversation goes on after the server was restarted, and what is one's own stays so, after a reload as well.
func TestPageKeepsItsIdentity(t *testing.T) {
	b := startBrowser(t)
	db := filepath.Join(t.TempDir(), "chat.db")
	s := serve(t, "localhost:0", db)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	bob := b.open(t, "http://"+s.addr+"/?username=Bob")
	bob.connected()
	ada.say("This is mine.")
	ada.row("#people", "Bob")
	ada.say("Just between us")
	bob.shows("#privates .badge", "1 unread")
	bob.row("#privates", "Ada")

	s.stop()
	ada.wait(`document.getElementById("state").dataset.state !== "connected"`)
	bob.wait(`document.getElementById("state").dataset.state !== "connected"`)
	serve(t, s.addr, db)
	ada.js(`document.getElementById("retry").click()`)
	bob.js(`document.getElementById("retry").click()`)
	ada.connected()
	bob.connected()
	ada.shows("#people .label", "Bob")
	ada.say("After the restart")
	bob.shows("#log .text", "After the restart")
	bob.say("As before")
	ada.shows("#log .text", "As before")
	ada.lacks("#privates .detail", "away")

	ada.run(chromedp.Reload())
	ada.connected()
	ada.shows("#log .mine .text", "This is mine.")
	bob.say("And after a reload")
	ada.shows("#privates .badge", "1 unread")
}

// A person is in one tab at a time: the one that was opened last, or that was asked to.
func TestPageInTwoTabs(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	token := evaluate[string](ada, `JSON.parse(localStorage.getItem("chat.Ada/token"))`)
	other := dialAs(t, s, token, "?username=Ada")
	ada.shows("#state-text", "Disconnected")
	ada.shows("#notice-text", "You have opened the chat in another tab or window.")
	ada.shows("#retry", "Use it here")
	ada.click("#retry")
	ada.connected()
	if _, err := other.tryRead(); err == nil { // the users of the lobby, or the end
		for err == nil {
			_, err = other.tryRead()
		}
	}

	// Another name in the address is another person, and back again the same one.
	ada.run(chromedp.Navigate("http://" + s.addr + "/?username=Bob"))
	ada.connected()
	bob := evaluate[string](ada, `JSON.parse(localStorage.getItem("chat.Bob/token"))`)
	ada.run(chromedp.Navigate("http://" + s.addr + "/?username=Ada"))
	ada.connected()
	again := evaluate[string](ada, `JSON.parse(localStorage.getItem("chat.Ada/token"))`)
	equal(t, []bool{bob == token, again == token, len(bob) == 64}, []bool{false, true, true})
	if evaluate[bool](ada, `document.documentElement.outerHTML.includes(JSON.parse(localStorage.getItem("chat.Ada/token")))`) {
		t.Error("the page shows the token")
	}
}

// A token that is damaged is replaced: with it the server would refuse the page, again and again.
func TestPageWithADamagedToken(t *testing.T) {
	b := startBrowser(t)
	s := start(t)
	ada := b.open(t, "http://"+s.addr+"/?username=Ada")
	ada.connected()
	ada.js(`localStorage.setItem("chat.Ada/token", "\"short\"")`)
	ada.run(chromedp.Reload())
	ada.connected()
}
