package abuse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// errAway is why there is no engine.
var errAway = errors.New("the power has failed")

// Row 79: without its engine an App does not start, and says why in a time that is known; what had started is stopped.
func absentEngine(t *testing.T) {
	never := func(ctx context.Context, _ string) error { return hang(ctx) }
	refuse := func(context.Context, string) error { return errRefused }
	for _, tc := range []struct {
		name  string
		away  error
		f     faults
		limit time.Duration // of Serve's context; 0 for none
		most  time.Duration
		cause error
	}{
		{"away", errAway, faults{}, 0, 10 * time.Second, errAway},
		{"away, and less time", errAway, faults{}, 2 * time.Second, 2 * time.Second, errAway},
		{"subscriptions are refused", nil, faults{subscribe: refuse}, 0, 0, errRefused},
		{"subscriptions hang", nil, faults{subscribe: never}, 0, 5 * time.Second, context.DeadlineExceeded},
		{"subscriptions hang, and less time", nil, faults{subscribe: never}, time.Second, time.Second, context.DeadlineExceeded},
	} {
		inFakeTime(t, func(t *testing.T) {
			engine := newEngine(t)
			engine.SetAway(tc.away)
			l := newLink(t, engine)
			l.fail(tc.f)
			var began, ended int
			app, err := wsgate.New(&wsgate.Module{
				Provide: []any{func(l *wsgate.Lifecycle) *line {
					l.OnStart(func(context.Context) error { began++; return nil })
					l.OnStop(func(context.Context) error { ended++; return nil })
					return &line{}
				}},
				Gateways: []wsgate.Route{{Path: attacked, New: func(*line) *gateway { return &gateway{entrance{book: newBook()}} }}},
			}, &wsgate.Options{Broker: l, Logger: slog.New(kit.NewLog())})
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, tc.limit)
				defer cancel()
			}
			begun := time.Now()
			err = app.Serve(ctx, ln)
			if took := time.Since(begun); took != tc.most {
				t.Errorf("%s: Serve took %v, want %v", tc.name, took, tc.most)
			}
			if !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, tc.cause) {
				t.Errorf("%s: Serve returned %v, want ErrBroker and %v", tc.name, err, tc.cause)
			}
			if began != ended {
				t.Errorf("%s: a service has begun %d times, and ended %d times", tc.name, began, ended)
			}
			if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
				c.Close()
				t.Errorf("%s: the listener is open", tc.name)
			}
			if err := app.Ready(); err == nil {
				t.Errorf("%s: it is ready", tc.name)
			}
			if left := l.topics(); len(left) > 0 {
				t.Errorf("%s: it is subscribed to %q", tc.name, left)
			}
		})
	}
}

// Row 79: or it starts all the same, serves those who are on it, and joins its cluster when the engine comes.
func degradedStart(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		engine := newEngine(t)
		engine.SetAway(errAway)
		begun := time.Now()
		all := startNodes(t, engine, 2, func(n *node, o *wsgate.Options) { n.loud, o.StartWithoutBroker = true, true })
		if took := time.Since(begun); took > 25*time.Second {
			t.Errorf("two nodes started in %v, want at most 10s for each", took)
		}
		here, too, there := all[0].connect("", "lobby"), all[0].connect("", "lobby"), all[1].connect("", "lobby")
		ann, bob := all[0].connect("ann", "club"), all[1].connect("bob", "club")
		wstest.Pass(time.Minute)
		for i, n := range all {
			if err := n.Ready(); !errors.Is(err, wsgate.ErrBroker) {
				t.Errorf("node %d: Ready returned %v, want ErrBroker", i, err)
			}
			if told := n.told(); len(told) != 1 || !errors.Is(told[0], errAway) {
				t.Errorf("node %d was told %v, want %v", i, told, errAway)
			}
		}
		wstest.TryDo(here, tell, line{"lobby", "hello"})
		hears(t, here, "hello")
		hears(t, too, "hello")
		hears(t, there)
		hears(t, ann, "all +ann:ANN =1")
		hears(t, bob, "all +bob:BOB =1")

		engine.SetAway(nil)
		wstest.Pass(time.Second)
		for i, n := range all {
			if err := n.Ready(); err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		}
		wstest.Do(here, tell, line{"lobby", "at last"})
		for _, c := range []*wstest.Client{here, too, there} {
			hears(t, c, "at last")
		}
		hears(t, ann, "+bob:BOB =2")
		hears(t, bob, "+ann:ANN =2")
		present(t, "club", "ann bob", all...)
	})
}

// Row 80: the engine goes away under load and comes back. Every message arrives on its own node. It arrives on the others
// if, and only if, Emit has returned no error, which it does at once; nothing is kept for later.
func engineAway(t *testing.T) {
	for _, tc := range []struct{ away, pace time.Duration }{
		{10 * time.Second, 80 * time.Millisecond},
		{10 * time.Minute, 5 * time.Second},
	} {
		inFakeTime(t, func(t *testing.T) { outage(t, tc.away, tc.pace) })
	}
}

func outage(t *testing.T, away, pace time.Duration) {
	const speakers = 3 // on each node
	engine := newEngine(t)
	all := startNodes(t, engine, 2, func(n *node, _ *wsgate.Options) { n.loud = true })
	listeners := []*wstest.Client{all[0].connect("", "lobby"), all[1].connect("", "lobby")}
	ann, bob := all[0].connect("ann", "club"), all[1].connect("bob", "club")
	wstest.Pass(time.Second)
	hear(ann)
	hear(bob)

	var speaking sync.WaitGroup
	stop := make(chan struct{})
	want := make([]map[string][]string, len(all)) // what each node's members hear of each speaker
	for i := range want {
		want[i] = map[string][]string{}
	}
	var mu sync.Mutex
	failures := 0
	for from := range all {
		for s := range speakers {
			speaking.Go(func() {
				name := fmt.Sprintf("%d.%d", from, s)
				sent, err := speak(all[from].room("lobby"), name, pace, stop)
				mu.Lock()
				defer mu.Unlock()
				for i := range all {
					for text, failed := range sent {
						if i == from || !failed {
							want[i][name] = append(want[i][name], text)
						}
					}
				}
				for _, failed := range sent {
					if failed {
						failures++
					}
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wstest.Pass(50 * pace)
	engine.SetAway(errAway)
	wstest.Pass(away / 2)
	late, cleo := all[1].connect("", "new"), all[1].connect("cleo", "club") // join while there is no engine
	wstest.Pass(time.Second)
	hears(t, cleo, "all +ann:ANN +bob:BOB +cleo:CLEO =3")
	for i, n := range all {
		if err := n.Ready(); !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errAway) {
			t.Errorf("node %d: Ready returned %v", i, err)
		}
	}
	wstest.Pass(away / 2)
	engine.SetAway(nil)
	wstest.Pass(50 * pace)
	close(stop)
	speaking.Wait()
	wstest.Pass(time.Second)

	if failures < int(away/pace)*speakers*len(all)*9/10 {
		t.Errorf("%d failures in %v, with a message every %v from each of %d", failures, away, pace, speakers*len(all))
	}
	for i, c := range listeners {
		got := map[string][]string{}
		for _, text := range hear(c) {
			name, _, _ := strings.Cut(text, " ")
			got[name] = append(got[name], text)
		}
		for name := range want[i] {
			slices.SortFunc(want[i][name], byNumber)
			if !slices.Equal(got[name], want[i][name]) {
				t.Errorf("node %d: %d messages of %s came, want %d in order", i, len(got[name]), name, len(want[i][name]))
			}
		}
	}
	wstest.Do(ann, tell, line{"new", "welcome"})
	hears(t, late, "welcome")
	hears(t, ann, "+cleo:CLEO =3")
	present(t, "club", "ann bob cleo", all...)
	for i, n := range all {
		if told := n.told(); len(told) != 3 || told[0] != nil || told[1] == nil || told[2] != nil {
			t.Errorf("node %d was told %v, want nil, the error, nil", i, told)
		}
		if n := kit.Ignored(n); n != 0 {
			t.Errorf("node %d ignored %d messages", i, n)
		}
	}
}

// speak says something to a room again and again. It returns what it said, and whether that failed, and complains about
// an error that came late or is another than it should.
func speak(room wsgate.Room, name string, pace time.Duration, stop <-chan struct{}) (sent map[string]bool, err error) {
	sent = map[string]bool{}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return sent, err
		case <-ticker.C:
		}
		text := fmt.Sprintf("%s %d", name, len(sent))
		begun := time.Now()
		failed := said.Emit(room, text)
		if failed != nil && !errors.Is(failed, wsgate.ErrBroker) || time.Since(begun) > 0 {
			err = fmt.Errorf("%s: Emit returned %w after %v", text, failed, time.Since(begun))
		}
		sent[text] = failed != nil
	}
}

// byNumber compares texts that end with a number.
func byNumber(a, b string) int {
	if d := len(a) - len(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// Row 82: an engine that comes and goes all the time is followed, whoever listens to that; at its end all is as it should be.
func flappingEngine(t *testing.T) {
	for name, listen := range map[string]func(release <-chan struct{}){
		"heard": nil, "panics": func(<-chan struct{}) { panic("oh no") }, "ends its goroutine": func(<-chan struct{}) { runtime.Goexit() },
		"blocks": func(release <-chan struct{}) { <-release },
	} {
		inFakeTime(t, func(t *testing.T) {
			release := make(chan struct{})
			engine := newEngine(t)
			all := startNodes(t, engine, 2, func(n *node, o *wsgate.Options) {
				n.loud = true
				if listen != nil {
					o.OnBroker = func(*wsgate.Hub, error) { listen(release) }
				}
			})
			t.Cleanup(func() { close(release) }) // before the Apps end, which wait for it
			ann, bob := all[0].connect("ann", "club"), all[1].connect("bob", "club")
			const flaps = 50
			for i := range flaps {
				engine.SetAway(errAway)
				wstest.Pass(time.Duration(20+i%7*20) * time.Millisecond)
				c := all[i%2].connect("guest", "club")
				engine.SetAway(nil)
				wstest.Pass(time.Duration(20+i%5*20) * time.Millisecond)
				wstest.TryDo(c, leave, []string{"club"})
				c.Close(1000, "")
			}
			wstest.Pass(20 * time.Second)
			for i, n := range all {
				if err := n.Ready(); err != nil {
					t.Errorf("%s: node %d: %v", name, i, err)
				}
				if told := n.told(); listen == nil && (len(told) != 2*flaps+1 || told[len(told)-1] != nil) {
					t.Errorf("%s: node %d was told %d states", name, i, len(told))
				}
				if n := kit.Ignored(n); n != 0 {
					t.Errorf("%s: node %d ignored %d messages", name, i, n)
				}
			}
			present(t, "club", "ann bob", all...)
			hear(ann)
			hear(bob)
			wstest.Do(ann, tell, line{"club", "still there?"})
			hears(t, ann, "still there?")
			hears(t, bob, "still there?")
		})
	}
}
