package main_test

import (
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/wsgate/wsgate/internal/test/need"
)

// consoleClient is a browser's client, as one writes it first. Its last line comes before the connection is open, which
// is an error in every browser; the rest works, and so does that line once more.
const consoleClient = `// Browser client
const ws = new WebSocket("ws://localhost:3100/ws/chat");

ws.onopen = () => {
  console.log("Connected");
  ws.send(JSON.stringify({ type: "join", room: "general" }));
};

ws.onmessage = (event) => {
  const data = JSON.parse(event.data);
  console.log("Received:", data);
};

ws.onclose = () => {
  console.log("Disconnected");
};

// Send message
ws.send(JSON.stringify({ type: "message", text: "Hello!" }));
`

const sendAgain = `ws.send(JSON.stringify({ type: "message", text: "Hello!" }));`

func TestClientInTheConsole(t *testing.T) {
	b := startBrowser(t)
	ln, err := net.Listen("tcp", "localhost:3100")
	if err != nil {
		need.Missing(t, "port 3100 is taken, so the client that connects there is not tested: "+err.Error())
	}
	ln.Close()
	s := serve(t, "localhost:3100", filepath.Join(t.TempDir(), "chat.db"))
	ada := b.open(t, "http://localhost:3100/?username=Ada&room=general")
	ada.connected()

	var thrown *chromedp.ExceptionError
	err = chromedp.Do(ada.Ctx, chromedp.Evaluate[chromedp.Void](consoleClient))
	if !errors.As(err, &thrown) || !strings.Contains(thrown.Error(), "InvalidStateError") {
		t.Errorf("the client: %v, want only an InvalidStateError for sending too early", err)
	}
	ada.shows("#log .note", "Anonymous came in")
	ada.js(sendAgain)
	ada.shows("#log .text", "Hello!")
	ada.shows("#log .by b", "Anonymous")
	ada.say("Hello, Anonymous!")
	s.stop()
	ada.wait(`document.getElementById("state").dataset.state !== "connected"`)

	if console := ada.Console(); !slices.Contains(console, `"Connected"`) {
		t.Errorf("the client logged %q", console)
	}
}
