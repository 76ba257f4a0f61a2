package main_test

import (
	"context"
	"log"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	echo "github.com/wsgate/wsgate/examples/echo"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// lines gets what the program logs, line by line.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	if text := strings.TrimSpace(string(line)); !strings.Contains(text, "wsgate:") { // the library's
		l <- text
	}
	return len(line), nil
}

// next fails unless that is the next line of the program's own.
func (l lines) next(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-l:
		if got != want {
			t.Fatalf("logged %q, want %q", got, want)
		}
	case <-t.Context().Done():
		t.Fatalf("%q was not logged", want)
	}
}

func TestEcho(t *testing.T) {
	logged := make(lines, 100)
	log.SetFlags(0)
	log.SetOutput(logged)
	defer log.SetOutput(os.Stderr)
	defer log.SetFlags(log.LstdFlags)

	app, err := wsgate.New(echo.Module, nil)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	serving, stop := context.WithCancel(ctx)
	served := make(chan error)
	go func() { served <- app.Serve(serving, ln) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		cancel()
	}()

	dial := func() *websocket.Conn {
		ws, _, err := websocket.Dial(ctx, "ws://"+ln.Addr().String()+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		return ws
	}
	ann := dial()
	defer ann.CloseNow()
	logged.next(t, "Client connected, total: 1")
	bob := dial()
	defer bob.CloseNow()
	logged.next(t, "Client connected, total: 2")

	for _, tt := range []struct {
		kind websocket.MessageType
		text string
	}{
		{websocket.MessageText, "Hello!"},
		{websocket.MessageText, ""},
		{websocket.MessageBinary, "\xff\x00"},
	} {
		if err := ann.Write(ctx, tt.kind, []byte(tt.text)); err != nil {
			t.Fatal(err)
		}
		for _, ws := range []*websocket.Conn{ann, bob} {
			if kind, text, err := ws.Read(ctx); err != nil || kind != tt.kind || string(text) != "Echo: "+tt.text {
				t.Fatalf("heard %v %q, %v, want the echo of %q", kind, text, err, tt.text)
			}
		}
		logged.next(t, strings.TrimSpace("Received: "+tt.text))
	}

	if err := bob.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	logged.next(t, "Client disconnected, total: 1")
}
