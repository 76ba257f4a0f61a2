package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// kilobyte is a line of a long history, with its number.
func kilobyte(i int) wsgate.Message {
	return wsgate.Text(fmt.Sprintf("%07d %s", i, strings.Repeat("x", 992)))
}

// sendHistory sends so many lines to a target, and returns the first error.
func sendHistory(to wsgate.Target, lines int) error {
	for i := range lines {
		if err := to.Send(kilobyte(i)); err != nil {
			return fmt.Errorf("line %d: %w", i, err)
		}
	}
	return nil
}

// historyGateway sends its client a history, through a target, whenever that says something.
func historyGateway(t *testing.T, lines int, to func(ctx context.Context, c *kit.Conn) wsgate.Target) *kit.MessageGateway {
	return &kit.MessageGateway{Message: func(ctx context.Context, c *kit.Conn, _ wsgate.Message) error {
		err := sendHistory(to(ctx, c), lines)
		if err != nil {
			t.Log(err)
		}
		return err
	}}
}

func paced(ctx context.Context, c *kit.Conn) wsgate.Target { return c.Paced(ctx) }

// hearsHistory fails the test unless these are the next messages.
func hearsHistory(t *testing.T, c *kit.Client, lines int) {
	t.Helper()
	for i := range lines {
		want := fmt.Sprintf("%07d", i)
		if got, _, _ := strings.Cut(c.Hear(), " "); got != want {
			t.Fatalf("got line %.20q, want %s", got, want)
		}
	}
}

// stalled connects a client that reads nothing yet, and returns both ends.
func stalled(t *testing.T, limits wsgate.Limits) (app *kit.App, client *kit.RawClient, server *kit.Conn) {
	limits.Ping = time.Hour
	app = kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", &kit.MessageGateway{}))
	client = kit.DialRaw(t, app, "/ws")
	synctest.Wait()
	for c := range app.Hub().Conns() {
		server = c.(*kit.Conn)
	}
	return app, client, server
}

// At most half of the queue waits, by messages and by bytes, and one more; a message that would not fit waits for its room.
func TestPacedLeavesHalfOfTheQueue(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits wsgate.Limits
		size   int
		queued int // without waiting
	}{
		{"messages", wsgate.Limits{QueueMessages: 10}, 10, 6},
		{"an odd number of messages", wsgate.Limits{QueueMessages: 9}, 10, 5},
		{"one message", wsgate.Limits{QueueMessages: 1}, 10, 1},
		{"bytes", wsgate.Limits{QueueBytes: 10 * 1004}, 1000, 6},
		{"messages of more than half", wsgate.Limits{QueueBytes: 1600}, 1000, 1},
		{"messages as large as the queue", wsgate.Limits{QueueBytes: 1004}, 1000, 1},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			_, client, server := stalled(t, test.limits)
			const many = 30
			var sent atomic.Int64
			done := make(chan error, 1)
			go func() {
				to := server.Paced(t.Context())
				for range many {
					if err := to.Send(wsgate.Text(strings.Repeat("x", test.size))); err != nil {
						done <- err
						return
					}
					sent.Add(1)
				}
				done <- nil
			}()
			synctest.Wait()
			if n := sent.Load(); n != int64(test.queued) {
				t.Errorf("%d were queued before the first was read, want %d", n, test.queued)
			}
			go client.ReadOn(new(kit.Journal))
			if err := kit.Receive(t, done, "the end of the sender"); err != nil {
				t.Error(err)
			}
		})
	}
	kit.Bubble(t, "a large message behind a small one", func(t *testing.T) {
		app, client, server := stalled(t, wsgate.Limits{QueueBytes: 2000})
		server.Send(wsgate.Text(strings.Repeat("x", 900)))
		done := make(chan error, 1)
		go func() { done <- server.Paced(t.Context()).Send(wsgate.Text(strings.Repeat("x", 1200))) }()
		synctest.Wait()
		if len(done) > 0 {
			t.Errorf("2100 bytes are in a queue of 2000 (%v)", <-done)
		}
		go client.ReadOn(new(kit.Journal))
		if err := kit.Receive(t, done, "the end of the sender"); err != nil {
			t.Error(err)
		}
		app.End()
	})
	// It waits for its own room, not for what somebody else waits for.
	kit.Bubble(t, "beside a Flush", func(t *testing.T) {
		_, client, server := stalled(t, wsgate.Limits{QueueMessages: 10})
		for range 8 {
			server.Send(wsgate.Text(strings.Repeat("x", 3000))) // one write each
		}
		flushed, sent := make(chan error, 1), make(chan error, 1)
		go func() { flushed <- server.Flush(t.Context()) }()
		synctest.Wait()
		go func() { sent <- server.Paced(t.Context()).Send(wsgate.Text("y")) }()
		for n := range 8 {
			synctest.Wait()
			if got, want := len(sent) == 1, n >= 3; got != want {
				t.Errorf("with %d of 8 read: sent is %v, want %v", n, got, want)
			}
			if len(flushed) > 0 {
				t.Errorf("Flush returned with %d of 8 read", n)
			}
			client.Frame()
		}
		client.Frame()
		if err := errors.Join(kit.Receive(t, flushed, "Flush"), kit.Receive(t, sent, "Send")); err != nil {
			t.Error(err)
		}
	})
	kit.Bubble(t, "no queue is large enough", func(t *testing.T) {
		_, _, server := stalled(t, wsgate.Limits{QueueBytes: 1000})
		if err := server.Paced(t.Context()).Send(kilobyte(0)); !errors.Is(err, wsgate.ErrLimit) {
			t.Errorf("got %v, want ErrLimit", err)
		}
	})
}

// What ends a wait for a client that does not read.
func TestPacedEnds(t *testing.T) {
	why := errors.New("because")
	for _, test := range []struct {
		name string
		end  func(app *kit.App, client *kit.RawClient, server *kit.Conn, cancel context.CancelCauseFunc)
		want []error
	}{
		{"its context", func(_ *kit.App, _ *kit.RawClient, _ *kit.Conn, cancel context.CancelCauseFunc) { cancel(why) }, []error{why}},
		{"the client's end", func(_ *kit.App, client *kit.RawClient, _ *kit.Conn, _ context.CancelCauseFunc) { client.Close() }, []error{wsgate.ErrClosed}},
		{"Close", func(_ *kit.App, _ *kit.RawClient, server *kit.Conn, _ context.CancelCauseFunc) {
			server.Close(1000, "")
		}, []error{wsgate.ErrClosed}},
		{"another's full queue", func(_ *kit.App, _ *kit.RawClient, server *kit.Conn, _ context.CancelCauseFunc) {
			for server.Send(kilobyte(0)) == nil {
				continue
			}
		}, []error{wsgate.ErrClosed, wsgate.ErrSlowClient}},
		{"Shutdown", func(app *kit.App, _ *kit.RawClient, _ *kit.Conn, _ context.CancelCauseFunc) { go app.End() }, []error{wsgate.ErrClosed, wsgate.ErrShutdown}},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app, client, server := stalled(t, wsgate.Limits{Write: time.Hour})
			ctx, cancel := context.WithCancelCause(t.Context())
			begun := time.Now()
			done := make(chan error, 1)
			go func() { done <- sendHistory(server.Paced(ctx), 1<<20) }()
			wstest.Pass(time.Minute)
			test.end(app, client, server, cancel)
			err := kit.Receive(t, done, "the end of the sender")
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			if took := time.Since(begun); took > 61*time.Second {
				t.Errorf("after %v, want a minute", took)
			}
			cancel(why)
			client.Close()
		})
	}
	kit.Bubble(t, "Limits.Write", func(t *testing.T) {
		_, _, server := stalled(t, wsgate.Limits{})
		begun := time.Now()
		err := sendHistory(server.Paced(t.Context()), 1<<20)
		if took := time.Since(begun); !errors.Is(err, wsgate.ErrSlowClient) || took != 10*time.Second {
			t.Errorf("got %v after %v, want ErrSlowClient after 10s", err, took)
		}
	})
	kit.Bubble(t, "a context that was done before", func(t *testing.T) {
		_, client, server := stalled(t, wsgate.Limits{})
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if err := server.Paced(ctx).Send(wsgate.Text("late")); !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
		server.Close(1000, "")
		if frames := client.Gone(10 * time.Second); len(frames) != 1 {
			t.Errorf("got %q, want the close frame alone", frames)
		}
	})
}

// A handler that must not be cut short ends its history in a shutdown, at the client's speed.
func TestPacedThroughAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 3000
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", historyGateway(t, many, func(ctx context.Context, c *kit.Conn) wsgate.Target {
			return c.Paced(context.WithoutCancel(ctx))
		})))
		c := kit.DialRaw(t, app, "/ws")
		c.Put(wire.Masked(wire.Text, []byte("all of it")))
		wstest.Pass(time.Second)
		go app.End()
		wstest.Pass(time.Second)
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		reader := &slowReader{Reader: c, each: 10 << 10, interval: ticker.C}
		if n, end := reader.lines(many); n != many {
			t.Fatalf("got %d lines of %d, then %s", n, many, end)
		}
		if _, end := reader.lines(1); end != "close 1012 server shutting down" {
			t.Errorf("got %s", end)
		}
	})
}

// Many send to one connection, each waiting for its room, from other connections' handlers, while what does not wait has
// the other half of the queue.
func TestPacedSendersTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const senders, lines = 20, 200
		var app *kit.App
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { return c.Join(c.Data.Name) }},
			Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
				for reader := range c.Room("reader").Conns() {
					to := reader.Paced(ctx)
					for i := range lines {
						if err := to.Send(wsgate.Text(fmt.Sprintf("%s %d", m.Data, i))); err != nil {
							t.Errorf("sender %s, line %d: %v", m.Data, i, err)
							return err
						}
					}
				}
				return nil
			},
		}
		app = kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueMessages: 20}}, kit.RouteTo("/ws", g))
		reader := kit.DialRaw(t, app, "/ws?name=reader")
		synctest.Wait()
		for i := range senders {
			kit.Dial(t, app, "/ws?name=sender").Say(fmt.Sprint(i))
		}
		next := map[string]int{}
		for heard := 0; heard < senders*lines; {
			if heard%100 == 0 {
				app.Hub().At("/ws").Room("reader").Send(wsgate.Text("news"))
			}
			_, payload, err := reader.Frame()
			if err != nil {
				t.Fatalf("after %d lines: %v", heard, err)
			}
			sender, number, _ := strings.Cut(string(payload), " ")
			if sender == "news" {
				continue
			}
			if want := fmt.Sprint(next[sender]); number != want {
				t.Fatalf("got line %s of sender %s, want %s", number, sender, want)
			}
			next[sender]++
			heard++
		}
		reader.Close()
	})
}

// Histories for many clients that are slow together do not use up what all queues may hold, and disconnect nobody.
func TestPacedAndTotalQueueBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, lines = 20, 1000
		ended := make(chan error, clients)
		g := historyGateway(t, lines, paced)
		g.Close = func(_ context.Context, _ *kit.Conn, err error) { ended <- err }
		limits := wsgate.Limits{TotalQueueBytes: 1 << 20, Ping: time.Hour}
		app := kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", g))
		var done sync.WaitGroup
		for range clients {
			c := kit.DialRaw(t, app, "/ws")
			c.Put(wire.Masked(wire.Text, []byte("all of it")))
			done.Go(func() {
				ticker := time.NewTicker(100 * time.Millisecond)
				defer ticker.Stop()
				if n, end := (&slowReader{Reader: c, each: 10 << 10, interval: ticker.C}).lines(lines); n != lines {
					t.Errorf("got %d lines, then %s", n, end)
				}
			})
		}
		done.Wait()
		if len(ended) > 0 {
			t.Errorf("a connection ended with %v", <-ended)
		}
	})
}

// A wait in a handler writes what the handler sent before and was held back, also when further messages wait to be handled.
func TestPacedInAHandlerReleasesWhatItSent(t *testing.T) {
	for name, messages := range map[string]int{"one message": 1, "several that came together": 3} {
		kit.Bubble(t, name, func(t *testing.T) {
			const many = 2000
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", historyGateway(t, many, paced)))
			c := kit.DialRaw(t, app, "/ws")
			c.Put(bytes.Repeat(wire.Masked(wire.Text, []byte("all of it")), messages))
			begun := time.Now()
			if n, end := (&slowReader{Reader: c, left: math.MaxInt}).lines(messages * many); n != messages*many {
				t.Errorf("got %d lines, then %s", n, end)
			}
			if took := time.Since(begun); took > 0 {
				t.Errorf("it took %v", took)
			}
		})
	}
}
