package memory_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/memory"
)

// echo sends one message back and waits for the end.
func echo(t *testing.T, seen chan<- *http.Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"b", "a"}})
		if err != nil {
			return
		}
		seen <- r
		go func() {
			defer c.CloseNow()
			typ, data, err := c.Read(context.Background())
			if err != nil {
				t.Errorf("server: %v", err)
			}
			c.Write(context.Background(), typ, data)
			c.Read(context.Background())
		}()
	})
}

func TestDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan *http.Request, 1)
		header := http.Header{"Sec-Websocket-Protocol": {"x, a"}, "Own": {"1"}}
		c, resp, err := memory.Dial(echo(t, seen), "/ws/go?name=ann", header)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		r := <-seen
		if r.Host != memory.Host || r.RequestURI != "/ws/go?name=ann" || r.URL.String() != r.RequestURI || r.FormValue("name") != "ann" ||
			r.Header.Get("Own") != "1" || r.RemoteAddr == "" || r.Method != http.MethodGet {
			t.Errorf("the server saw %s %s %s from %q with header %v", r.Method, r.Host, r.RequestURI, r.RemoteAddr, r.Header)
		}
		if r.Context().Err() == nil {
			t.Error("the request's context has outlived the handler")
		}
		if resp.StatusCode != http.StatusSwitchingProtocols || c.Subprotocol() != "a" {
			t.Errorf("got status %s, subprotocol %q", resp.Status, c.Subprotocol())
		}
		if err := c.Write(t.Context(), websocket.MessageText, []byte("hi")); err != nil {
			t.Error(err)
		}
		if _, data, err := c.Read(t.Context()); string(data) != "hi" || err != nil {
			t.Errorf("got %q, %v", data, err)
		}
	})
}

func TestDialRaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan *http.Request, 1)
		c, resp, err := memory.DialRaw(echo(t, seen), "http://other.example/", http.Header{"sec-websocket-key": {"AAAAAAAAAAAAAAAAAAAAAA=="}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if r := <-seen; r.Host != "other.example" || r.Header.Get("Sec-WebSocket-Key") != "AAAAAAAAAAAAAAAAAAAAAA==" {
			t.Errorf("the server saw host %s, header %v", r.Host, r.Header)
		}
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("got status %s", resp.Status)
		}
		c.Write([]byte{0x81, 0x81, 0, 0, 0, 0, 'x'})
		var b [3]byte
		if _, err := io.ReadFull(c, b[:]); string(b[:]) != "\x81\x01x" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		c.SetReadDeadline(time.Now().Add(time.Hour)) // in fake time
		if _, err := c.Read(b[:]); err == nil || !err.(net.Error).Timeout() {
			t.Errorf("got %v, want a timeout", err)
		}
	})
}

func TestRefusal(t *testing.T) {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Own", "1")
		http.Error(w, "not you", http.StatusForbidden)
		w.Header().Set("Own", "too late")
		w.WriteHeader(http.StatusOK)
	})
	check := func(resp *http.Response, err error) {
		t.Helper()
		if err == nil || resp == nil {
			t.Fatalf("got %v, %v, want a response and an error", resp, err)
		}
		if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Own") != "1" {
			t.Errorf("got status %s, header %v", resp.Status, resp.Header)
		}
	}
	_, resp, err := memory.Dial(refuse, "/", nil)
	check(resp, err)
	if body, _ := io.ReadAll(resp.Body); string(body) != "not you\n" {
		t.Errorf("got body %q", body)
	}
	_, resp, err = memory.DialRaw(refuse, "/", nil)
	check(resp, err)
	if _, _, err := memory.DialRaw(refuse, "http://%", nil); err == nil {
		t.Error("an address that is none is dialled")
	}
}

// The client can end its half of the stream or break the connection, and the server sees which.
func TestEndings(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(memory.Conn) error
		want error
		late string // what the client still reads
	}{
		"close":      {memory.Conn.Close, io.EOF, ""},
		"half-close": {memory.Conn.CloseWrite, io.EOF, "late"},
		"reset":      {memory.Conn.Reset, syscall.ECONNRESET, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 1)
			conn, _, err := memory.DialRaw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\nearly")
				go func() {
					defer conn.Close()
					_, err := conn.Read(make([]byte, 1))
					io.WriteString(conn, "late")
					ends <- err
				}()
			}), "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			early := make([]byte, len("early"))
			if _, err := io.ReadFull(conn, early); err != nil || string(early) != "early" {
				t.Errorf("got %q, %v", early, err)
			}
			if err := test.end(conn.(memory.Conn)); err != nil {
				t.Error(err)
			}
			if late, _ := io.ReadAll(conn); string(late) != test.late {
				t.Errorf("got %q, want %q", late, test.late)
			}
			if err := <-ends; !errors.Is(err, test.want) {
				t.Errorf("the server got %v, want %v", err, test.want)
			}
		})
	}
}

// A handler's panic, and its silence after Hijack, are errors of the client's.
func TestHandlerThatFails(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"panics": func(http.ResponseWriter, *http.Request) { panic("mistake") },
		"closes the connection": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			conn.Close()
		},
	} {
		if _, resp, err := memory.DialRaw(handler, "/", nil); err == nil {
			t.Errorf("a handler that %s: got %v", name, resp)
		}
	}
}
