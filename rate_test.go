package wsgate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// A rated client counts what comes back from a server that limits its rate.
type rated struct {
	*kit.RawClient
	t      *testing.T
	frames kit.Journal
	read   chan struct{}
}

func dialRated(t *testing.T, app *kit.App) *rated {
	c := &rated{RawClient: kit.DialRaw(t, app, "/"), t: t, read: make(chan struct{})}
	go func() { c.ReadOn(&c.frames); close(c.read) }()
	return c
}

// sends has the client send at once what the server reads, and returns what it has answered before time passes.
func (c *rated) sends(frames ...[]byte) (answers []string) {
	c.t.Helper()
	c.SetWriteDeadline(time.Now().Add(time.Hour))
	if _, err := c.Write(bytes.Join(frames, nil)); err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
	return c.frames.Take()
}

// count returns how many answers have all the words.
func count(answers []string, words ...string) (n int) {
	for _, answer := range answers {
		ok := true
		for _, word := range words {
			ok = ok && strings.Contains(answer, word)
		}
		if ok {
			n++
		}
	}
	return n
}

func text(s string) []byte { return wire.Masked(wire.Text, []byte(s)) }

// ratedGateway counts what it handles.
func ratedGateway(handled *int, table ...wsgate.Binding[kit.Data]) wsgate.Route {
	return kit.RouteTo("/", &kit.EventGateway{Table: append(table,
		wsgate.On("poke", func(context.Context, *kit.Conn, struct{}) error { *handled++; return nil }),
	)})
}

// Whatever a client sends counts: messages that are handled, unknown, malformed, binary or refused, and control frames.
func TestRate(t *testing.T) {
	limits := wsgate.Limits{Rate: 10, Burst: 20, Malformed: 1000}
	for _, test := range []struct {
		name   string
		frame  []byte
		answer string // to each that is not refused
	}{
		{"handled", text(`{"type":"poke","id":1}`), `"poke"`},
		{"unknown", text(`{"type":"what?","id":1}`), "unknown_event"},
		{"invalid", text(`{"type":"poke","id":1,"data":7}`), ""},
		{"malformed", text(`{"type":`), "malformed"},
		{"binary", wire.Masked(wire.Binary, []byte("?")), "unsupported"},
		{"pings", wire.Masked(wire.Ping, nil), ""},
		{"pongs", wire.Masked(wire.Pong, nil), ""},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			handled := 0
			c := dialRated(t, kit.NewApp(t, &wsgate.Options{Limits: limits}, ratedGateway(&handled)))
			c.sends(wire.Masked(wire.Pong, nil)) // the connection is open
			wstest.Pass(10 * time.Second)
			before := c.sends(bytes.Repeat(test.frame, 20))
			if n := count(before, "rate_limited"); n > 0 || test.answer != "" && count(before, test.answer) != 20 {
				t.Errorf("a burst got %q", before)
			}
			if got := c.sends(text(`{"type":"poke","id":2}`)); count(got, `"id":2`, "rate_limited", `"details":{"retryAfterMs":200}`) != 1 {
				t.Errorf("the first message beyond it got %q", got)
			}
			was := handled
			for range 50 {
				wstest.Pass(200 * time.Millisecond)
				if got := c.sends(text(`{"type":"poke","id":3}`)); count(got, `"poke"`, `"id":3`) != 1 {
					t.Fatalf("a message in time got %q", got)
				}
			}
			if handled != was+50 {
				t.Errorf("%d were handled, want 50", handled-was)
			}
			c.sends(kit.CloseFrame(1000, ""))
			<-c.read
		})
	}
}

// The time to wait is exact: until then a message is refused, which makes it longer, and then it is handled.
func TestRateRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: 10, Burst: 5}}, ratedGateway(&handled))
		c := dialRated(t, app)
		ask := func() (wait time.Duration) {
			t.Helper()
			got := c.sends(text(`{"type":"poke","id":1}`))
			if len(got) != 1 {
				t.Fatalf("got %q", got)
			}
			var answer struct {
				Code, Message string
				Details       struct{ RetryAfterMs int64 }
			}
			if err := json.Unmarshal([]byte(strings.TrimPrefix(got[0], "text ")), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Code != "" && (answer.Code != "rate_limited" || answer.Message != "too many messages") {
				t.Errorf("got %q", got)
			}
			return time.Duration(answer.Details.RetryAfterMs) * time.Millisecond
		}
		for range 5 {
			if wait := ask(); wait != 0 {
				t.Fatalf("refused for %v", wait)
			}
		}
		for range 20 {
			wait := ask()
			if want := 200 * time.Millisecond; wait != want {
				t.Fatalf("wait %v, want %v", wait, want)
			}
			wstest.Pass(wait - time.Millisecond)
			if wait = ask(); wait != 101*time.Millisecond {
				t.Fatalf("wait %v after another too soon", wait)
			}
			wstest.Pass(wait)
			if wait = ask(); wait != 0 {
				t.Fatalf("refused for %v after waiting as told", wait)
			}
		}
		if handled != 25 {
			t.Errorf("%d were handled, want 25", handled)
		}
		c.sends(kit.CloseFrame(1000, ""))
		<-c.read
	})
}

// A flood is answered no faster than the rate, however much of it there is, and ends the connection after 10 s.
func TestRateFlood(t *testing.T) {
	const rate, burst = 10, 20
	for _, test := range []struct {
		name, message string
		each          bool // is answered
	}{
		{"with ids", `{"type":"poke","id":1}`, true},
		{"without ids", `{"type":"poke"}`, false},
		{"unknown with ids", `{"type":"?","id":1}`, true},
		{"malformed", `{`, false},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			handled, ended := 0, make(chan error, 1)
			g := &kit.EventGateway{Table: wsgate.Events[kit.Data]{
				wsgate.On("poke", func(context.Context, *kit.Conn, struct{}) error { handled++; return nil }),
			}}
			g.Close = func(_ context.Context, _ *kit.Conn, err error) { ended <- err }
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: rate, Burst: burst, Malformed: 1000}}, kit.RouteTo("/", g))
			c := dialRated(t, app)
			begun := time.Now()
			go func() {
				defer c.Close() // who never stops sending is read for a while
				for count(c.frames.All(), "close ") == 0 {
					if _, err := c.Write(bytes.Repeat(text(test.message), 10)); err != nil {
						return
					}
				}
			}()
			err := <-ended
			if took := time.Since(begun); took < 10*time.Second || took > 11*time.Second {
				t.Errorf("closed after %v, want 10 s", took)
			}
			if !kit.IsError(wsgate.ErrLimit)(err) {
				t.Errorf("OnClose got %v", err)
			}
			<-c.read
			got := c.frames.All()
			if end := got[len(got)-1]; end != "close 1008 too many messages" {
				t.Errorf("closed with %q", end)
			}
			if strings.Contains(test.message, "poke") && handled != burst {
				t.Errorf("%d were handled, want %d", handled, burst)
			}
			refused := count(got, "rate_limited")
			if most := 8 + rate*10; test.each && (refused < most-3 || refused > most) || !test.each && refused != 10 {
				t.Errorf("%d were refused with an answer", refused)
			}
		})
	}
}

// A client that was too fast and waits as it is told keeps its connection, whatever happens again and again.
func TestRateOfWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		c := dialRated(t, kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: 10, Burst: 20}}, ratedGateway(&handled)))
		for round := range 30 {
			c.sends(bytes.Repeat(text(`{"type":"poke","id":1}`), 40))
			wstest.Pass(2100 * time.Millisecond)
			if got := c.sends(text(`{"type":"poke","id":2}`)); count(got, `"poke"`) != 1 {
				t.Fatalf("round %d: got %q", round, got)
			}
			wstest.Pass(2 * time.Second)
		}
		c.sends(kit.CloseFrame(1000, ""))
		<-c.read
	})
}

// Messages that are refused are neither malformed nor good ones.
func TestRateAndMalformed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		c := dialRated(t, kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: 1, Burst: 7}}, ratedGateway(&handled)))
		if got := c.sends(bytes.Repeat(text(`{`), 7), text(`{`), text(`{"type":"poke","id":1}`)); count(got, "rate_limited") != 2 || count(got, "close") > 0 {
			t.Errorf("got %q", got)
		}
		wstest.Pass(3 * time.Second)
		if got := c.sends(text(`{`)); count(got, `"malformed"`) != 1 || count(got, "close 1008 too many malformed messages") != 1 {
			t.Errorf("the eighth got %q", got)
		}
		<-c.read
	})
}

// A long message counts for each 16 KiB of it, compressed or not, but never for more than a burst.
func TestRateOfLongMessages(t *testing.T) {
	for _, test := range []struct {
		name    string
		size    int
		handled int // of those that are sent at once
	}{
		{"16 KiB", 16 << 10, 20},
		{"a byte more", 16<<10 + 1, 10},
		{"64 KiB", 64 << 10, 5},
		{"longer than a burst", 512 << 10, 1},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			limits := wsgate.Limits{Rate: 10, Burst: 20, Message: 1 << 20}
			c := dialRated(t, kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/", &kit.MessageGateway{
				Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error { return c.Send(wsgate.Text("ok")) },
			})))
			message := wire.Masked(wire.Text, bytes.Repeat([]byte("x"), test.size))
			for range 3 {
				if got := c.sends(bytes.Repeat(message, test.handled)); count(got, "ok") != test.handled {
					t.Errorf("got %q, want %d handled", got, test.handled)
				}
				if got := c.sends(text("short")); count(got, "rate_limited") != 1 {
					t.Errorf("one more got %q", got)
				}
				wstest.Pass(3 * time.Second)
			}
			c.sends(kit.CloseFrame(1000, ""))
			<-c.read
		})
	}
}

// A raw gateway's refused messages are answered as its other errors.
func TestRateOfRawGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialRated(t, kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: 1, Burst: 2}}, kit.RouteTo("/", &kit.MessageGateway{
			Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error { return c.Send(m) },
		})))
		want := []string{"text 1", "binary 2", `text {"type":"error","code":"rate_limited","message":"too many messages","details":{"retryAfterMs":2000}}`}
		got := c.sends(text("1"), wire.Masked(wire.Binary, []byte("2")), text("3"))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
		c.sends(kit.CloseFrame(1000, ""))
		<-c.read
	})
}

// Shutdown and the client's own end do not wait for a message that waits.
func TestRateAndTheEnd(t *testing.T) {
	for name, end := range map[string]func(*rated, *kit.App){
		"shutdown": func(_ *rated, app *kit.App) { shutdownWithin(app, 30*time.Millisecond) }, // two thirds of that are for clients to leave
		"close":    func(_ *rated, app *kit.App) { app.Hub().Disconnect(context.Background(), 4000, "enough") },
	} {
		kit.Bubble(t, name, func(t *testing.T) {
			handled := 0
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: 1, Burst: 1}}, ratedGateway(&handled))
			c := dialRated(t, app)
			c.sends(bytes.Repeat(text(`{"type":"poke"}`), 10))
			go end(c, app)
			wstest.Pass(20 * time.Millisecond)
			if frames := c.frames.All(); count(frames, "close ") != 1 {
				t.Errorf("got %q", frames)
			}
			c.Close()
			<-c.read
			if handled != 1 {
				t.Errorf("%d were handled, want 1", handled)
			}
		})
	}
}

// math.MaxInt turns the limit off.
func TestNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		c := dialRated(t, kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Rate: math.MaxInt}}, ratedGateway(&handled)))
		for range 100 {
			c.sends(bytes.Repeat(text(`{"type":"poke"}`), 1000))
		}
		if handled != 100_000 {
			t.Errorf("%d were handled", handled)
		}
		c.sends(kit.CloseFrame(1000, ""))
		<-c.read
	})
}
