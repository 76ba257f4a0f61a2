package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// leaver is a client of an App that shuts down.
type leaver struct {
	*kit.Client
	told  time.Duration // after how long it was told to connect elsewhere; -1 if it was not
	ended time.Duration
	end   websocket.CloseError
}

const hint = `{"type":"$reconnect"}`

// leave reads until the end of the connection. What the client is told, it passes to answer.
func (l *leaver) leave(begun time.Time, answer func(*leaver)) {
	l.told = -1
	for {
		_, data, err := l.Read(context.Background())
		if err != nil {
			errors.As(err, &l.end)
			l.ended = time.Since(begun)
			return
		}
		if string(data) == hint && l.told < 0 {
			l.told = time.Since(begun)
			answer(l)
		}
	}
}

// leaveAll shuts down an App with so many clients, and returns what happened to them, in the order in which they came.
func leaveAll(t *testing.T, app *kit.App, n int, most time.Duration, answer func(*leaver)) (all []*leaver, took time.Duration) {
	t.Helper()
	for range n {
		all = append(all, &leaver{Client: kit.Dial(t, app, "/")})
	}
	synctest.Wait()
	var reading sync.WaitGroup
	begun := time.Now()
	for _, l := range all {
		reading.Go(func() { l.leave(begun, answer) })
	}
	ctx := context.Background()
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	if err := app.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	took = time.Since(begun)
	reading.Wait()
	return all, took
}

// inOneSecond returns the largest number of times that are within a second.
func inOneSecond(times []time.Duration) (most int) {
	slices.Sort(times)
	for i, from := range times {
		n := 0
		for n < len(times)-i && times[i+n] < from+time.Second {
			n++
		}
		most = max(most, n)
	}
	return most
}

// In no second do more connections leave than the pace says, unless there is too little time for that.
func TestShutdownPace(t *testing.T) {
	for _, test := range []struct {
		name   string
		n      int
		pace   int           // 0 for the default
		most   time.Duration // for Shutdown; 0 for any time
		closed time.Duration // when the last has left
		second int           // how many leave in one second
	}{
		{name: "one", n: 1, pace: 1},
		{name: "as many as the default lets leave at once", n: 5},
		{name: "one second's", n: 10, pace: 10, closed: 900 * time.Millisecond, second: 10},
		{name: "several seconds'", n: 30, pace: 10, closed: 2900 * time.Millisecond, second: 10},
		{name: "more than one opening lets pass", n: 600, pace: 250, closed: 299 * 8 * time.Millisecond, second: 250},
		{name: "without an even number for each time", n: 45, pace: 15, closed: 44 * 66666667, second: 15},
		{name: "all at once", n: 50, pace: 1 << 40},
		{name: "time enough", n: 30, pace: 10, most: 12 * time.Second, closed: 2900 * time.Millisecond, second: 10},
		{name: "two thirds of the time for all", n: 30, pace: 1, most: 12 * time.Second, closed: 29 * 8 * time.Second / 30, second: 4},
		{name: "hardly any time", n: 30, pace: 1, most: 12 * time.Millisecond},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{DrainPace: test.pace}}, kit.RouteTo("/", &kit.MessageGateway{}))
			all, took := leaveAll(t, app, test.n, test.most, func(*leaver) { t.Error("a client that takes messages as they are got another") })
			var times []time.Duration
			for _, l := range all {
				times = append(times, l.ended)
				if l.end != (websocket.CloseError{Code: 1012, Reason: "server shutting down"}) {
					t.Errorf("got end %v", l.end)
				}
			}
			inOrder := slices.IsSorted(times)
			if last := slices.Max(times); last < test.closed || last > test.closed+test.closed/20 {
				t.Errorf("the last left after %v, want %v", last, test.closed)
			}
			if took != slices.Max(times) {
				t.Errorf("Shutdown took %v, want as long as the connections did, %v", took, slices.Max(times))
			}
			if most := inOneSecond(times); test.second > 0 && most > test.second {
				t.Errorf("%d left within a second, want at most %d", most, test.second)
			}
			if test.n >= 30 && test.closed > 0 && inOrder {
				t.Error("they left in the order in which they had come")
			}
		})
	}
}

// Clients of events are told to connect elsewhere. Those that do not say that they do are closed soon, others later, and
// those that have gone are not waited for.
func TestShutdownTellsClients(t *testing.T) {
	g := func() *kit.EventGateway {
		return &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Echo[int]("echo")}}
	}
	ack := func(l *leaver) { l.Say(hint) }
	for _, test := range []struct {
		name   string
		most   time.Duration
		answer func(*leaver)
		after  time.Duration // how long each stays after it was told
		closed bool          // by the server
	}{
		{"knows nothing of it", 0, func(*leaver) {}, 2 * time.Second, true},
		{"asks what it means", 0, func(l *leaver) { l.Say(`{"type":"$reconnect","id":1}`) }, 2 * time.Second, true},
		{"is elsewhere at once", 0, func(l *leaver) { go l.Close(1000, "") }, 0, false},
		{"is elsewhere after a while", 0, func(l *leaver) {
			ack(l)
			time.AfterFunc(3*time.Second, func() { l.Close(1000, "") })
		}, 3 * time.Second, false},
		{"is served until then", 0, func(l *leaver) {
			ack(l)
			time.AfterFunc(2*time.Second, func() { l.Say(`{"type":"echo","id":1,"data":7}`) })
		}, 5 * time.Second, true},
		{"does not get anywhere", 0, ack, 5 * time.Second, true},
		{"has less time than that", 6 * time.Second, ack, 2 * time.Second, true},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{DrainPace: 10}}, kit.RouteTo("/", g()))
			all, _ := leaveAll(t, app, 20, test.most, test.answer)
			var told, ended []time.Duration
			for _, l := range all {
				told, ended = append(told, l.told), append(ended, l.ended)
				if l.told < 0 || (l.end.Code == 1012) != test.closed {
					t.Errorf("told after %v, got end %v", l.told, l.end)
				}
				if test.most == 0 && l.ended-l.told != test.after {
					t.Errorf("told after %v, left after %v", l.told, l.ended)
				}
			}
			if last := slices.Max(told); last != 1900*time.Millisecond {
				t.Errorf("the last was told after %v", last)
			}
			if last := slices.Max(ended); test.most > 0 && last != 4*time.Second {
				t.Errorf("the last left after %v, want two thirds of the time", last)
			}
			if n := max(inOneSecond(told), inOneSecond(ended)); n > 10 && test.most == 0 {
				t.Errorf("%d were told, or left, within a second", n)
			}
		})
	}
}

// Until its turn a connection is served as before: handlers begin, and their contexts last.
func TestShutdownServesUntilTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened kit.Journal
		begun := time.Now()
		g := &kit.EventGateway{Table: wsgate.Events[kit.Data]{
			kit.Echo[int]("echo"),
			wsgate.On("wait", func(ctx context.Context, _ *kit.Conn, _ struct{}) error {
				<-ctx.Done()
				happened.Add("%v: %v", time.Since(begun), context.Cause(ctx) == wsgate.ErrShutdown)
				return nil
			}),
		}}
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{DrainPace: 1}}, kit.RouteTo("/", g))
		a, b := kit.Dialed(t, app, "/"), kit.Dialed(t, app, "/")
		done := make(chan error, 1)
		go func() { done <- app.Shutdown(context.Background()) }()
		synctest.Wait()
		if err := app.Ready(); err != wsgate.ErrShutdown {
			t.Errorf("Ready: %v", err)
		}
		app.Hub().Send(wsgate.Text("x"))
		if first := a.Hear(); first == hint {
			a.Hears("x")
			b.Hears("x")
		} else {
			a, b = b, a
			a.Hears(hint, "x")
		}
		go a.Rest()
		wstest.Pass(900 * time.Millisecond)
		b.Say(`{"type":"echo","id":1,"data":7}`)
		b.Hears(`{"type":"echo","id":1,"data":7}`)
		b.Say(`{"type":"wait","id":2}`)
		b.Hears(hint, `{"type":"wait","id":2}`)
		b.Closed(1012, "server shutting down")
		happened.Want(t, "6s: true") // a handler in flight has as long as a client that moves
		if err := <-done; err != nil || time.Since(begun) != 6*time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(begun))
		}
	})
}

// A handler that takes long holds up its own connection only.
func TestShutdownBesideSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error { <-time.After(time.Minute); return nil }}
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{DrainPace: 2}}, kit.RouteTo("/", g))
		for range 3 {
			slow := kit.Dial(t, app, "/")
			slow.Say("x")
			go slow.Rest()
		}
		all, took := leaveAll(t, app, 3, 0, nil)
		for _, l := range all {
			if l.ended > 2500*time.Millisecond {
				t.Errorf("left after %v", l.ended)
			}
		}
		if took != time.Minute {
			t.Errorf("Shutdown took %v", took)
		}
	})
}

// Whoever calls Shutdown with less time than the first hastens it; with none, all are cut and nobody is told anything.
func TestShutdownHastened(t *testing.T) {
	begin := func(t *testing.T) (*kit.App, func() []time.Duration) {
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{DrainPace: 1}}, kit.RouteTo("/", &kit.MessageGateway{}))
		begun := time.Now()
		var all []*leaver
		var reading sync.WaitGroup
		for range 100 {
			l := &leaver{Client: kit.Dial(t, app, "/")}
			all = append(all, l)
			reading.Go(func() { l.leave(begun, nil) })
		}
		synctest.Wait()
		return app, func() (ended []time.Duration) {
			reading.Wait()
			for _, l := range all {
				ended = append(ended, l.ended)
			}
			slices.Sort(ended)
			return ended
		}
	}
	kit.Bubble(t, "by another call", func(t *testing.T) {
		app, ended := begin(t)
		first := make(chan error, 1)
		go func() { first <- app.Shutdown(context.Background()) }()
		wstest.Pass(9500 * time.Millisecond)
		if _, err := shutdownWithin(app, 12*time.Second); err != nil {
			t.Error(err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		got := ended()
		if n := inOneSecond(slices.Clone(got[:10])); n != 1 {
			t.Errorf("before that: %v", got[:10])
		}
		if rest := got[10:]; inOneSecond(slices.Clone(rest)) > 13 || rest[89] > 17500*time.Millisecond {
			t.Errorf("after that: %v", rest)
		}
	})
	kit.Bubble(t, "by a call that cannot wait for the next turn", func(t *testing.T) {
		app, ended := begin(t)
		first := make(chan error, 1)
		go func() { first <- app.Shutdown(context.Background()) }()
		wstest.Pass(9500 * time.Millisecond) // the next leaves half a second later
		if _, err := shutdownWithin(app, 600*time.Millisecond); err != nil {
			t.Error(err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		if got := ended(); got[9] != 9*time.Second || got[99] > 9900*time.Millisecond {
			t.Errorf("got %v", got)
		}
	})
	kit.Bubble(t, "by a context that is done", func(t *testing.T) {
		app, ended := begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := app.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if last := ended()[99]; last > 0 {
			t.Errorf("the last was cut after %v", last)
		}
	})
	kit.Bubble(t, "by the end of its context", func(t *testing.T) {
		app, ended := begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(4500*time.Millisecond, cancel)
		if err := app.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := ended(); got[4] != 4*time.Second || got[5] != 4500*time.Millisecond || got[99] != got[5] {
			t.Errorf("got %v", got)
		}
	})
}

// Whether a gateway that only sends is told to depends on what it sends: events, as far as is known.
func TestShutdownTellsWhoGetsEvents(t *testing.T) {
	said := wsgate.Event[string]("said")
	for _, test := range []struct {
		name  string
		sends []wsgate.Outgoing
		open  func(context.Context, *kit.Conn) error
		want  []string
	}{
		{"nothing", nil, nil, nil},
		{"messages", nil, func(_ context.Context, c *kit.Conn) error { return c.Send(wsgate.Text("x")) }, []string{"x"}},
		{"events", nil, func(_ context.Context, c *kit.Conn) error { return said.Emit(c, "x") }, []string{`{"type":"said","data":"x"}`, hint}},
		{"events, later", []wsgate.Outgoing{said}, nil, []string{hint}},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			route := kit.RouteTo("/", &kit.Hooks{Open: test.open})
			route.Sends = test.sends
			app := kit.NewApp(t, nil, route)
			c := kit.Dial(t, app, "/")
			synctest.Wait()
			go app.End()
			messages, end := c.Rest()
			if !slices.Equal(messages, test.want) || end.Code != 1012 {
				t.Errorf("got %q and end %v, want %q", messages, end, test.want)
			}
		})
	}
	kit.Bubble(t, "another envelope", func(t *testing.T) {
		opts := &wsgate.Options{Envelope: wsgate.Envelope{Type: "event", Data: "data"}}
		app := kit.NewApp(t, opts, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Echo[int]("echo")}}))
		c := kit.Dial(t, app, "/")
		synctest.Wait()
		go app.End()
		c.Hears(`{"event":"$reconnect"}`)
		c.Closed(1012, "")
	})
}

// A client that is told while nobody reads what it sends is not taken for one that stays.
func TestShutdownReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{kit.Echo[int]("echo")}}))
		_, _ = leaveAll(t, app, 3, 0, func(*leaver) {
			w := httptest.NewRecorder()
			app.ServeReady(w, httptest.NewRequest("GET", "/ready", nil))
			if got := fmt.Sprint(w.Code, w.Body); got != "503 shutting down\n" {
				t.Errorf("when clients are told, readiness is %q", got)
			}
		})
	})
}
