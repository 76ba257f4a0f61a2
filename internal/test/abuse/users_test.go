package abuse

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// connectAs opens a WebSocket of a user to the attacked route.
func (s *server) connectAs(t testing.TB, user string) *client {
	t.Helper()
	c := s.dial(t)
	c.user = user
	return c.handshake()
}

// Row 20: of a hundred connections of one user as many live as may be: the first of them, or the last, and then the others
// close. It is never both.
func oneUserTooOften(t *testing.T) {
	const most, attempts = 5, 100
	for _, oldest := range []bool{false, true} {
		t.Run(fmt.Sprint("close the oldest is ", oldest), func(t *testing.T) {
			s := start(t, setup{limits: wsgate.Limits{Close: short}, options: wsgate.Options{
				Limits: wsgate.Limits{UserConnections: most}, CloseOldest: oldest,
			}})
			t.Run("at once", func(t *testing.T) {
				bob := s.connectAs(t, "bob")
				accepted, refused := s.crowd(t, "ann", attempts)
				if want := map[bool]int{false: attempts - most, true: 0}[oldest]; refused != want || len(accepted) != attempts-want {
					t.Errorf("%d were accepted and %d refused, want %d and %d", len(accepted), refused, attempts-want, want)
				}
				living := s.living(t, accepted, most)
				if n := s.app.Hub().User("ann").Len(); n != most {
					t.Errorf("there are %d connections of the user, want %d", n, most)
				}
				if !oldest {
					other := s.dial(t)
					other.put(s.upgrade(home + "?user=ann"))
					if resp := other.response(); resp.StatusCode != http.StatusTooManyRequests {
						t.Errorf("got %s on another route", resp.Status)
					}
				}
				for _, c := range living {
					c.echoes()
					c.leaves()
				}
				bob.echoes()
				for range 2 * most { // nobody has no limit
					s.connectAs(t, "").echoes()
				}
			})
			t.Run("and leaves half-way", func(t *testing.T) {
				for range 4 * most {
					c := s.dial(t)
					c.user = "ann"
					c.put(s.upgrade(c.target()))
					c.reset()
				}
				for range most {
					if !eventually(patience, func() bool {
						c := s.dial(t)
						c.user = "ann"
						c.put(s.upgrade(c.target()))
						return c.response().StatusCode == http.StatusSwitchingProtocols
					}) {
						t.Error("a place is not free")
					}
				}
			})
		})
	}
}

// Row 20: a user who opens one connection after the other and never answers a close frame has two at most, whatever the
// time for an answer.
func replacedAndSilent(t *testing.T) {
	s := start(t, setup{limits: wsgate.Limits{Close: time.Minute}, options: wsgate.Options{
		Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true,
	}})
	var last *client
	for n := range 300 {
		last = s.connectAs(t, "ann")
		if !within(patience, s.book.of(last.name).opened) {
			t.Fatal("a connection does not open")
		}
		if !eventually(late, func() bool { return s.app.Hub().User("ann").Len() <= 2 }) {
			t.Fatalf("after %d connections %d are open", n+1, s.app.Hub().User("ann").Len())
		}
	}
	last.echoes()
	last.leaves()
}

// crowd has clients of one user connect at the same time.
func (s *server) crowd(t *testing.T, user string, attempts int) (accepted []*client, refused int) {
	t.Helper()
	var mu sync.Mutex // guards the results
	var connecting sync.WaitGroup
	for range attempts {
		c := s.dial(t)
		c.user = user
		connecting.Go(func() {
			c.put(s.upgrade(c.target()))
			resp := c.response()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case resp.StatusCode == http.StatusSwitchingProtocols:
				accepted = append(accepted, c)
			case resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "":
				refused++
				c.neverOpened()
			default:
				t.Errorf("got %s", resp.Status)
			}
		})
	}
	connecting.Wait()
	return accepted, refused
}

// living waits until a user has no more connections than may be, and returns their clients. The others were told that
// they were replaced, some before they were opened, unless so many came at once that they were cut: of those that close
// there are no more than places.
func (s *server) living(t *testing.T, all []*client, most int) (living []*client) {
	t.Helper()
	if !eventually(patience, func() bool { return s.app.Hub().User("ann").Len() <= most }) {
		t.Errorf("%d live, want %d", s.app.Hub().User("ann").Len(), most)
	}
	told := 0
	for _, c := range all {
		e := c.last(short / 10)
		if e.code == wsgate.StatusReplaced {
			told++
		}
		switch opens, _ := s.book.of(c.name).counts(); {
		case e.open:
			living = append(living, c)
		case e.code != wsgate.StatusReplaced && e.code != noFrame:
			t.Errorf("got close code %d %q, want %d", e.code, e.reason, wsgate.StatusReplaced)
		case opens > 0:
			c.closedWith(wsgate.ErrLimit)
		}
	}
	if len(living) != most {
		t.Errorf("%d live, want %d", len(living), most)
	}
	if len(all) > most && told < most {
		t.Errorf("%d of %d were told that they were replaced, want at least as many as there are places", told, len(all)-most)
	}
	return living
}

// hearsOf fails the test unless these are the next texts.
func (c *client) hearsOf(texts ...string) {
	c.t.Helper()
	for _, want := range texts {
		c.hears(wire.Frame{First: text, Payload: []byte(want)})
	}
}

// Row 57: of a user with three tabs on two nodes two crash and one leaves. The others hear of it when the last has gone,
// once.
func crashingTabs(t *testing.T) {
	su := vocabulary(append(roomEvents(), track())...)
	su.limits.PresenceGrace = short
	all, _ := startAcross(t, 2, su)
	in := func(s *server, user string) *client {
		c := s.connectAs(t, user)
		c.exchanges(exchange{`{"type":"join","id":1,"data":["club"]}`, `{"type":"join","id":1}`})
		return c
	}
	bob := in(all[1], "bob")
	bob.hearsOf(`{"type":"people","room":"club","all":true,"here":{"bob":{"name":"BOB"}},"count":1}`)
	tabs := []*client{in(all[0], "ann"), in(all[0], "ann"), in(all[1], "ann")}
	bob.hearsOf(`{"type":"people","room":"club","here":{"ann":{"name":"ANN"}},"count":2}`)
	for _, tab := range tabs[:2] {
		tab.reset()
		tab.closedWith(errLost)
	}
	if e := bob.last(3 * short); !e.open || len(e.frames) > 0 {
		t.Errorf("bob heard %v of a user who is there in another tab", e.frames)
	}
	tabs[2].hearsOf(`{"type":"people","room":"club","all":true,"here":{"ann":{"name":"ANN"},"bob":{"name":"BOB"}},"count":2}`)
	tabs[2].leaves()
	bob.hearsOf(`{"type":"people","room":"club","gone":["ann"],"count":1}`)
	if e := bob.last(3 * short); !e.open || len(e.frames) > 0 {
		t.Errorf("bob heard %v more", e.frames)
	}
	bob.leaves()
}

// Row 57: a user who comes and goes ten times a second, now here, now there, in whatever way, has left once in the end.
func flappingUser(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 3, nil)
		var others []*wstest.Client
		for i, n := range all {
			others = append(others, n.connect(fmt.Sprint("user", i), "club"))
		}
		c := all[0].connect("ann", "club")
		wstest.Pass(time.Second)
		for _, other := range others {
			hear(other)
		}
		for i := range 120 {
			switch i % 4 {
			case 0:
				c.Reset()
			case 1:
				wstest.Do(c, leave, []string{"club"})
				c.Close(1001, "")
			default:
				c.Close(1000, "")
			}
			wstest.Pass(50 * time.Millisecond)
			c = all[i%len(all)].connect("ann", "club")
			wstest.Pass(50 * time.Millisecond)
		}
		for _, other := range others {
			hears(t, other)
		}
		c.Reset()
		begun := time.Now()
		present(t, "club", "ann user0 user1 user2", all...)
		var heard []string
		took := until(t, 6*time.Second, "the end of a user", func() bool { heard = hear(others[1]); return len(heard) > 0 })
		if !slices.Equal(heard, []string{"-ann =3"}) || took < 5*time.Second {
			t.Errorf("heard %q after %v, want one end after the grace of 5s", heard, time.Since(begun))
		}
		wstest.Pass(10 * time.Second)
		hears(t, others[0], "-ann =3")
		hears(t, others[1])
		hears(t, others[2], "-ann =3")
		present(t, "club", "user0 user1 user2", all...)
	})
}
