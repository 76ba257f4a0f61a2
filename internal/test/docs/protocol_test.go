package docs_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

const protocolPage = "../../../docs/protocol.md"

// odd is a gateway that does everything that ends a connection.
type odd struct{}

func newOdd() *odd { return &odd{} }

const odder wsgate.Event[string] = "do"

func (*odd) OnUpgrade(r *http.Request) (string, error) { return r.FormValue("open"), nil }

func (*odd) OnOpen(ctx context.Context, c *wsgate.Conn[string]) error {
	switch c.Data {
	case "never":
		<-ctx.Done()
	case "refuse":
		return wsgate.Errorf(wsgate.Denied, "the application's text")
	case "refuse for now":
		return wsgate.Errorf(wsgate.Unavailable, "the application's text")
	case "fail":
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (o *odd) Events() wsgate.Events[string] {
	return wsgate.Events[string]{wsgate.On(odder, o.do)}
}

func (*odd) do(_ context.Context, c *wsgate.Conn[string], what string) error {
	switch what {
	case "panic":
		panic("at the disco")
	case "exit":
		runtime.Goexit()
	case "flood":
		for odder.Emit(c, strings.Repeat("x", 1000)) == nil {
		}
	case "close":
		c.Close(4000, "any")
	case "big":
		return odder.Emit(c, strings.Repeat("x", 1000))
	}
	return nil
}

// peer is a client that sends what no library would.
type peer struct {
	net.Conn
	t   *testing.T
	app *wsgate.App
}

// send sends a frame that begins with that byte.
func (p *peer) send(first byte, payload string) { p.write(string(wire.Masked(first, []byte(payload)))) }

// write does not wait: the connection has no buffer, and the peer may read before the server does.
func (p *peer) write(bytes string) {
	go p.Write([]byte(bytes)) // ends with the connection at the latest
	synctest.Wait()
}

// closed reads until the close frame and returns what it says, "" if the connection ends without one.
func (p *peer) closed() (code int, reason string) {
	for {
		f, err := wire.ReadFrame(p)
		if err != nil {
			return 0, ""
		}
		if f.First == closer {
			return int(binary.BigEndian.Uint16(f.Payload)), string(f.Payload[2:])
		}
	}
}

const (
	text   = wire.Text
	closer = wire.Closing
)

// closings are how to bring about the rows of the table of close codes, by their reasons.
var closings = map[string]func(p *peer){
	"the client's":         func(p *peer) { p.send(closer, "\x0f\xa1the client's") }, // 4001
	"server shutting down": func(p *peer) { go p.app.Shutdown(context.Background()) },
	"unmasked frame":       func(p *peer) { p.write("\x81\x02{}") },
	"frame length over 2^63": func(p *peer) {
		p.write("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")
	},
	"other text":                func(p *peer) { p.send(text|0x70, "{}") },
	"text is not UTF-8":         func(p *peer) { p.send(text, "\xff") },
	"close reason is not UTF-8": func(p *peer) { p.send(closer, "\x03\xe8\xff") },
	"corrupt compressed data":   func(p *peer) { p.send(text|0x40, "\xff\xff") },
	"slow client": func(p *peer) {
		p.send(text, `{"type":"do","data":"flood"}`)
	},
	"ping timeout":          nil,
	"opening took too long": nil,
	"too many malformed messages": func(p *peer) {
		for range 8 {
			p.write("\x81\x80\x00\x00\x00\x00")
		}
	},
	"too many control frames": func(p *peer) {
		for range 65 {
			p.write("\x89\x80\x00\x00\x00\x00")
		}
	},
	"too many messages": func(p *peer) {
		many := strings.Repeat(string(wire.Masked(text, []byte(`{"type":"x"}`))), 100)
		ended := make(chan struct{})
		ctx, stop := context.WithCancel(context.Background())
		go func() {
			defer close(ended)
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				if _, err := p.Write([]byte(many)); err != nil {
					return
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		}()
		p.t.Cleanup(func() { stop(); <-ended })
	},
	"message took too long": func(p *peer) { p.send(text&^0x80, "{") },
	"message in too many frames": func(p *peer) {
		p.send(text&^0x80, "")
		for range 1024 {
			p.write("\x00\x80\x00\x00\x00\x00")
		}
	},
	"message too long on the wire": func(p *peer) {
		p.send(text|0x40, strings.Repeat("x", 257<<10))
	},
	"the application's text":   nil,
	"message over 65536 bytes": func(p *peer) { p.send(text, strings.Repeat("x", 65537)) },
	"internal error":           func(p *peer) { p.send(text, `{"type":"do","data":"panic"}`) },
	"any":                      func(p *peer) { p.send(text, `{"type":"do","data":"close"}`) },
}

// openings are how the application opens the connections of those rows; the others it just opens.
var openings = map[string]string{"opening took too long": "never", "the application's text": "refuse"}

// inBubble connects a peer to an App with the default limits, in fake time.
func inBubble(t *testing.T, open string, f func(p *peer)) {
	synctest.Test(t, func(t *testing.T) {
		app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newOdd}}},
			&wsgate.Options{Compression: true, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn, _, err := memory.DialRaw(app, "/?open="+open, http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate"}})
		if err != nil {
			t.Fatal(err)
		}
		f(&peer{conn, t, app})
		conn.Close()
		app.Shutdown(t.Context())
	})
}

// Every row of the table of close codes is true: what it describes ends the connection with this code and reason.
func TestCloseCodes(t *testing.T) {
	rows := tableIn(t, protocolPage, "## Close codes")
	seen := map[string]bool{}
	for _, row := range rows {
		code, reason := row[0], strings.Trim(row[1], "`")
		open := openings[reason]
		switch {
		case reason == "ping timeout" || reason == replaced || code == "4401":
			seen[reason] = true
			continue // see TestPingTimeout, TestReplaced and TestSessionMessages
		case open == "refuse" && code == "1013":
			open = "refuse for now"
		}
		do, ok := closings[reason]
		if !ok {
			t.Errorf("nobody knows how to bring about %q", reason)
		}
		seen[reason] = true
		t.Run(reason, func(t *testing.T) {
			inBubble(t, open, func(p *peer) {
				if do != nil {
					do(p)
				}
				gotCode, got := p.closed()
				switch code {
				case "the client's":
					code = "4001"
				case "any":
					code = "4000"
				}
				if fmt.Sprint(gotCode) != code || got != reason && reason != "other text" {
					t.Errorf("got %d %q, want %s %q", gotCode, got, code, reason)
				}
			})
		})
	}
	for reason := range closings {
		if !seen[reason] {
			t.Errorf("the table has no row for %q", reason)
		}
	}
}

const replaced = "replaced by a newer connection of this user"

// A user's connection that had to make room is told so.
func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/one", New: newSingle}}},
			wstest.With(&wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true}))
		first := app.Dial("/one?user=ann")
		app.Dial("/one?user=ann")
		if reason := wstest.ExpectClose(first, wsgate.StatusReplaced); reason != replaced {
			t.Errorf("got reason %q, want %q", reason, replaced)
		}
	})
}

// guest is the data of a session that ends.
type guest struct {
	id  string
	end time.Time
}

func (g guest) UserID() string       { return g.id }
func (g guest) ExpiresAt() time.Time { return g.end }

// hotel renews sessions for a user who shows a name as the token.
type hotel struct{}

func newHotel() *hotel { return &hotel{} }

func (*hotel) OnUpgrade(*http.Request) (guest, error) {
	return guest{"ann", time.Now().Add(time.Hour)}, nil
}

func (*hotel) OnRefresh(_ context.Context, _ *wsgate.Conn[guest], token string) (guest, error) {
	if token == "" {
		return guest{}, wsgate.Errorf(wsgate.Unauthenticated, "log in")
	}
	return guest{token, time.Now().Add(time.Hour)}, nil
}

// What the page says of sessions, with its own close codes.
func TestSessionMessages(t *testing.T) {
	reasons := map[string]bool{}
	for _, row := range tableIn(t, protocolPage, "## Close codes") {
		if row[0] == fmt.Sprint(int(wsgate.StatusExpired)) {
			reasons[strings.Trim(row[1], "`")] = true
		}
	}
	synctest.Test(t, func(t *testing.T) {
		app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newHotel}, {Path: "/plain", New: newSingle}}})
		closes := func(c *wstest.Client, reason string) {
			t.Helper()
			if got := wstest.ExpectClose(c, wsgate.StatusExpired); got != reason || !reasons[reason] {
				t.Errorf("got reason %q, want %q, which is in the table: %v", got, reason, reasons[reason])
			}
			delete(reasons, reason)
		}
		answers := func(c *wstest.Client, text, want string) {
			t.Helper()
			c.Send(wsgate.Text(text))
			if got := c.NextText(); got != want {
				t.Errorf("%s got %s, want %s", text, got, want)
			}
		}
		begun := time.Now()
		late, other := app.Dial("/"), app.Dial("/")
		answers(other, `{"type":"$refresh","id":9,"token":"ann"}`, `{"type":"$refresh","id":9,"in":3600}`)
		answers(other, `{"type":"$refresh","id":9,"token":""}`, `{"type":"error","id":9,"code":"invalid","message":"token is missing"}`)
		answers(app.Dial("/plain?user=ann"), `{"type":"$refresh","id":9,"token":"ann"}`,
			`{"type":"error","id":9,"code":"unknown_event","message":"unknown event \"$refresh\""}`)
		other.Send(wsgate.Text(`{"type":"$refresh","token":"bob"}`))
		closes(other, "session of another user")
		for left := time.Hour; left > 0; {
			left = wstest.NextExpiring(late)
		}
		closes(late, "session expired")
		if after := time.Since(begun); after < time.Hour+25*time.Second {
			t.Errorf("closed after %v", after)
		}
	})
	if len(reasons) > 0 {
		t.Errorf("nobody knows how to bring about %v", reasons)
	}
}

// Every code that the server sends stands in the table that says what a client does then.
func TestReconnecting(t *testing.T) {
	says := map[string]bool{}
	for _, row := range tableIn(t, protocolPage, "## Reconnecting") {
		for code := range strings.SplitSeq(row[0], ", ") {
			says[code] = true
		}
	}
	for _, row := range tableIn(t, protocolPage, "## Close codes") {
		if code := row[0]; !says[code] && code != "any" && code != "the client's" {
			t.Errorf("nobody knows what to do after close code %s", code)
		}
	}
}

// The frame of a ping timeout goes out only where a write needs no goroutine, so this takes a socket, and real time.
func TestPingTimeout(t *testing.T) {
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newOdd}}},
		&wsgate.Options{Limits: wsgate.Limits{Ping: 50 * time.Millisecond, Pong: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(t.Context())
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	for last := ""; !strings.HasSuffix(last, "\r\n\r\n"); {
		var b [1]byte
		if _, err := conn.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		last += string(b[:])
	}
	if code, reason := (&peer{conn, t, app}).closed(); code != 1013 || reason != "ping timeout" {
		t.Errorf("got %d %q", code, reason)
	}
}

// More ways to 1011, and the ends without a close frame that the page tells of.
func TestOtherEnds(t *testing.T) {
	for _, tt := range []struct {
		name, open string
		do         func(p *peer)
		code       int
	}{
		{"OnOpen fails", "fail", func(*peer) {}, 1011},
		{"Goexit", "", func(p *peer) { p.send(text, `{"type":"do","data":"exit"}`) }, 1011},
		{"takes nothing", "", func(p *peer) {
			p.send(text, `{"type":"do","data":"big"}`)
			wstest.Pass(10*time.Second + time.Millisecond)
		}, 0},
		{"no answer to a close frame", "", func(p *peer) {
			p.send(text, `{"type":"do","data":"close"}`)
			p.closed()
			begun := time.Now()
			if p.closed(); time.Since(begun) != 5*time.Second {
				p.t.Errorf("the connection ended after %v", time.Since(begun))
			}
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.open, func(p *peer) {
				tt.do(p)
				if code, reason := p.closed(); code != tt.code {
					t.Errorf("got %d %q, want %d", code, reason, tt.code)
				}
			})
		})
	}
}

// tableIn returns the rows of the first table below a heading, without the head.
func tableIn(t *testing.T, page, heading string) (rows [][]string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", page, heading)
	}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		rows = append(rows, row)
	}
	if len(rows) < 3 {
		t.Fatalf("%s: no table below %q", page, heading)
	}
	return rows[2:]
}

// What the section on servers that shut down shows is what goes over the wire, and its times are right.
func TestReconnectMessages(t *testing.T) {
	const hint, moved = `{"type":"$reconnect"}`, `{"type":"$reconnect","id":7}`
	page := read(t, protocolPage)
	for _, want := range []string{"← " + hint, "→ " + hint, moved} {
		if !strings.Contains(page, want) {
			t.Errorf("%s does not have %s", protocolPage, want)
		}
	}
	for answer, stays := range map[string]time.Duration{"": 2 * time.Second, hint: 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			g := &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Echo[int]("echo")}}
			old, next := kit.NewApp(t, nil, kit.RouteTo("/", g)), kit.NewApp(t, nil, kit.RouteTo("/", g))
			c, other := kit.Dialed(t, old, "/"), kit.Dial(t, next, "/")
			other.Say(moved)
			other.Hears(moved)
			begun := time.Now()
			go old.End()
			c.Hears(hint)
			if answer != "" {
				c.Say(answer)
			}
			c.Closed(websocket.StatusServiceRestart, "server shutting down")
			if took := time.Since(begun); took != stays {
				t.Errorf("closed after %v, want %v", took, stays)
			}
		})
	}
}
