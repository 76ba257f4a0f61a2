package wsgate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// served is an App that Serve serves in a bubble.
type served struct {
	*kit.App
	ln    *pipeListener
	drain func()     // begins the shutdown
	ended chan error // gets what Serve returns
}

func serveInBubble(t *testing.T, g *kit.MessageGateway, handlers map[string]http.HandlerFunc) *served {
	t.Helper()
	s := &served{App: kit.NewApp(t, nil, kit.RouteTo("/ws", g)), ln: newPipeListener(), ended: make(chan error, 1)}
	for pattern, h := range handlers {
		if err := s.Handle(pattern, h); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.drain = cancel
	go func() { s.ended <- s.Serve(ctx, s.ln) }()
	synctest.Wait()
	return s
}

// connect opens a connection on which the test speaks HTTP by hand.
func (s *served) connect(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	s.ln.conns <- server
	t.Cleanup(func() { client.Close() })
	return client
}

// dribble sends what begins a request, then a byte each second until the connection is closed. It returns how long
// the connection was open, at most a minute.
func dribble(c net.Conn, begin string) time.Duration {
	begun := time.Now()
	go io.Copy(io.Discard, c)
	_, err := io.WriteString(c, begin)
	for err == nil && time.Since(begun) < time.Minute {
		<-time.After(time.Second)
		_, err = io.WriteString(c, "1\r\nx\r\n")
	}
	return time.Since(begun)
}

const endless = "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

// read is a handler that reads its request to the end.
func read(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, "the body did not arrive", http.StatusRequestTimeout)
	}
}

// Whoever sends a body without an end keeps neither a connection for ever nor the shutdown waiting.
func TestServeBoundsBodies(t *testing.T) {
	for _, path := range []string{"/read", "/ignored", "/nowhere", "/ws"} {
		kit.Bubble(t, path, func(t *testing.T) {
			s := serveInBubble(t, &kit.MessageGateway{}, map[string]http.HandlerFunc{
				"POST /read": read, "POST /ignored": func(http.ResponseWriter, *http.Request) {},
			})
			if took := dribble(s.connect(t), fmt.Sprintf(endless, path)); took > 31*time.Second {
				t.Errorf("the connection was open for %v, want 30 s", took)
			}
			ended := make(chan time.Duration)
			go func() { ended <- dribble(s.connect(t), fmt.Sprintf(endless, path)) }()
			wstest.Pass(2 * time.Second)
			begun := time.Now()
			s.drain()
			<-ended
			if err := <-s.ended; err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 7*time.Second {
				t.Errorf("the shutdown took %v, want little more than 5 s", took)
			}
		})
	}
}

// Whoever does not read an answer holds it up for a bounded time.
func TestServeBoundsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := make(chan error, 1)
		s := serveInBubble(t, &kit.MessageGateway{}, map[string]http.HandlerFunc{
			"GET /large": func(w http.ResponseWriter, _ *http.Request) {
				_, err := w.Write(make([]byte, 1<<20))
				writes <- err
			},
		})
		c := s.connect(t)
		begun := time.Now()
		io.WriteString(c, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
		if err := <-writes; err == nil || time.Since(begun) != 30*time.Second {
			t.Errorf("the handler's Write returned %v after %v, want an error after 30 s", err, time.Since(begun))
		}
		s.drain()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// The bounds of requests are none for connections that were upgraded.
func TestServeLeavesUpgradedConnectionsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInBubble(t, &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(*http.Request) (kit.Data, error) {
			<-time.After(9 * time.Second)
			return kit.Data{}, nil
		}}}, nil)
		c, err := s.ln.dial(t, "/ws")
		if err != nil {
			t.Fatal(err)
		}
		pong := make(chan string, 1)
		go func() { pong <- c.Hear() }() // reading, it answers pings
		wstest.Pass(2 * time.Minute)
		c.Say("hello")
		if got := <-pong; got != "hello" {
			t.Errorf("got %q after two minutes", got)
		}
		s.drain()
		c.Closed(websocket.StatusServiceRestart, "")
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// When the shutdown begins, the listener and the connections that are idle close at once. What is under way finishes:
// also a handler that takes longer than a body would have.
func TestServeDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cancelled atomic.Bool
		s := serveInBubble(t, &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error {
			<-time.After(20 * time.Second)
			return nil
		}}, map[string]http.HandlerFunc{
			"GET /quick": func(http.ResponseWriter, *http.Request) {},
			"POST /slow": func(w http.ResponseWriter, r *http.Request) {
				read(w, r)
				select {
				case <-r.Context().Done():
					cancelled.Store(true)
				case <-time.After(15 * time.Second):
				}
				io.WriteString(w, "done")
			},
		})
		worker, err := s.ln.dial(t, "/ws")
		if err != nil {
			t.Fatal(err)
		}
		worker.Say("work")
		idle := s.connect(t)
		io.WriteString(idle, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
		in := bufio.NewReader(idle)
		if resp, err := http.ReadResponse(in, nil); err != nil || resp.Close {
			t.Fatalf("got %v, %v, want an answer that keeps the connection", resp, err)
		}
		slow := s.connect(t)
		io.WriteString(slow, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
		synctest.Wait()
		begun := time.Now()
		s.drain()
		if _, err := in.ReadByte(); err != io.EOF || time.Since(begun) > 0 {
			t.Errorf("the idle connection: %v after %v, want its end at once", err, time.Since(begun))
		}
		if _, err := s.ln.dial(t, "/ws"); err == nil || !strings.Contains(err.Error(), net.ErrClosed.Error()) {
			t.Errorf("the listener is open: %v", err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
		if err != nil || time.Since(begun) != 15*time.Second || cancelled.Load() {
			t.Errorf("the handler in flight: %v after %v, its context cancelled is %v", err, time.Since(begun), cancelled.Load())
		} else if body, _ := io.ReadAll(resp.Body); string(body) != "done" || !resp.Close {
			t.Errorf("got %q, and the connection closes: %v", body, resp.Close)
		}
		worker.Closed(websocket.StatusServiceRestart, "")
		if err := <-s.ended; err != nil || time.Since(begun) != 20*time.Second {
			t.Errorf("Serve returned %v after %v", err, time.Since(begun))
		}
	})
}
