package abuse

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// topicOf returns where nodes speak to a room of the attacked route, if its name is a plain word.
func topicOf(room string) string { return "room.=2Fattacked." + room }

// refuse has an engine refuse subscriptions to some topics, and never answer to others.
func refuse(refused, hangs string) faults {
	return faults{subscribe: func(ctx context.Context, topic string) error {
		switch {
		case refused != "" && strings.HasPrefix(topic, refused):
			return errRefused
		case hangs != "" && strings.HasPrefix(topic, hangs):
			return hang(ctx)
		}
		return nil
	}}
}

// unavailable fails the test unless a handler was answered that the engine is not there, in a time of at most that.
func unavailable(t *testing.T, most time.Duration, do func() error) {
	t.Helper()
	begun := time.Now()
	err := do()
	var own *wsgate.Error
	if !errors.As(err, &own) || own.Code != wsgate.Unavailable {
		t.Errorf("got %v, want %s", err, wsgate.Unavailable)
	}
	if took := time.Since(begun); took > most {
		t.Errorf("it took %v, want at most %v", took, most)
	}
}

// Row 85: whoever cannot join all rooms joins none, and hears it. The next attempt goes well.
func refusedSubscriptions(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 2, nil)
		n, other := all[0], all[1]
		bob := other.connect("bob", "a", "b")
		ann := n.connect("ann")
		wstest.Pass(time.Second)
		hear(bob)
		before := n.link.topics()

		n.link.fail(refuse(topicOf("b"), ""))
		for range 3 {
			unavailable(t, 0, func() error { return wstest.TryDo(ann, join, []string{"a", "b", "c"}) })
			for _, room := range []string{"a", "b", "c"} {
				if got := n.room(room).Len(); got != 0 {
					t.Errorf("%d are in room %s after a Join that failed", got, room)
				}
			}
		}
		wstest.Do(bob, tell, line{"a", "anybody?"})
		wstest.Pass(20 * time.Second)
		hears(t, bob, "anybody?") // and nothing of ann
		hears(t, ann)
		if got := n.link.topics(); !slices.Equal(got, before) {
			t.Errorf("the node is subscribed to %q, want %q as before", got, before)
		}
		wstest.Do(ann, join, []string{"a"})

		n.link.fail(faults{})
		wstest.Do(ann, join, []string{"a", "b", "c"})
		wstest.Pass(time.Second)
		hear(ann)
		wstest.Do(bob, tell, line{"b", "welcome"})
		hears(t, ann, "welcome")
		present(t, "b", "ann bob", all...)
	})
}

// Row 85: a subscription that is not confirmed fails after 5 s, for all who wait for it, and for nobody else.
func hangingSubscriptions(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		n := startNodes(t, newEngine(t), 1, nil)[0]
		ann, bob, cleo, gone := n.connect("ann"), n.connect("bob"), n.connect("cleo"), n.connect("gone")
		n.link.fail(refuse("", topicOf("b")))
		wstest.Send(gone, join, []string{"b"})
		wstest.Pass(2 * time.Second)
		begun := time.Now()
		gone.Reset()
		until(t, 100*time.Millisecond, "the end of a client whose Join hangs", func() bool { return n.Hub().At(attacked).Len() == 3 })
		if took := time.Since(begun); took > time.Second/2 {
			t.Errorf("a client that has gone while it joins is noticed after %v", took)
		}
		wstest.Send(ann, join, []string{"a", "b"}) // waits for the same, which ends in about 3 s
		wstest.Do(bob, join, []string{"a"})
		wstest.Do(bob, tell, line{"a", "alone?"})
		hears(t, bob, "alone?")
		unavailable(t, 3*time.Second, func() error { return wstest.TryDo(cleo, join, []string{"b"}) })
		wstest.ExpectError(ann, wsgate.Unavailable)
		if got := n.room("a").Len() + n.room("b").Len(); got != 1 {
			t.Errorf("%d are in the rooms, want bob", got)
		}
		unavailable(t, 5*time.Second, func() error { return wstest.TryDo(cleo, join, []string{"b"}) })

		n.link.fail(faults{})
		wstest.Do(cleo, join, []string{"b"})
		wstest.Do(ann, join, []string{"a", "b"})
		wstest.Do(bob, tell, line{"b", "hello"})
		wstest.Pass(time.Second)
		for _, c := range []*wstest.Client{ann, cleo} {
			if got := hear(c); !slices.Contains(got, "hello") {
				t.Errorf("got %q, want hello", got)
			}
		}
	})
}

// Row 82: an upgrade that the engine does not let through is answered with 503, and takes nobody's place.
func refusedUpgrades(t *testing.T) {
	const limit = 2 * time.Second
	inFakeTime(t, func(t *testing.T) {
		n := startNodes(t, newEngine(t), 1, func(n *node, o *wsgate.Options) {
			n.loud, o.Limits.UserConnections, o.Limits.Handshake = true, 1, limit
		})[0]
		bob := n.connect("bob")
		before := len(n.link.topics())
		for name, tc := range map[string]struct {
			f    faults
			most time.Duration
		}{"refused": {refuse("user.", ""), 0}, "not answered": {refuse("", "user."), limit}} {
			n.link.fail(tc.f)
			for range 3 {
				begun := time.Now()
				resp := n.ExpectRefused(http.StatusServiceUnavailable, n.target(name))
				if took := time.Since(begun); took > tc.most || resp.Header.Get("Retry-After") == "" {
					t.Errorf("%s: answered after %v with %v", name, took, resp.Header)
				}
			}
			n.connect("").Close(1000, "") // nobody needs nothing new
			wstest.Do(bob, tell, line{"nowhere", "?"})
			hears(t, bob)
			n.link.fail(faults{})
			n.connect(name).Close(1000, "") // there is a place
		}
		wstest.Pass(20 * time.Second)
		if got := n.link.topics(); len(got) != before {
			t.Errorf("the node is subscribed to %q, want %d topics as before", got, before)
		}
		if got := n.logged("upgrade refused"); got != 6 {
			t.Errorf("the log has %d lines about six upgrades", got)
		}
	})
}

// Row 82: a message that the engine refuses, as one that is too large for it, reaches this node, and Emit says so. The
// others go on.
func refusedMessages(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const most = 100 << 10
		all := startNodes(t, newEngine(t), 2, nil)
		here, there := all[0].connect("", "lobby"), all[1].connect("", "lobby")
		all[0].link.fail(faults{publish: func(_ string, m []byte) error {
			if len(m) > most {
				return errRefused
			}
			return nil
		}})
		large := strings.Repeat("x", most)
		out := all[0].room("lobby")
		for range 3 {
			if err := said.Emit(out, large); !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errRefused) {
				t.Errorf("Emit returned %v, want ErrBroker and %v", err, errRefused)
			}
			if err := said.Emit(out, "small"); err != nil {
				t.Error(err)
			}
			if err := all[0].Ready(); err != nil {
				t.Error(err)
			}
		}
		if err := said.Emit(all[1].room("lobby"), "from the other"); err != nil {
			t.Error(err)
		}
		hears(t, here, large, "small", large, "small", large, "small", "from the other")
		hears(t, there, "small", "small", "small", "from the other")
		unavailable(t, 0, func() error { return wstest.TryDo(here, tell, line{"lobby", large}) })
		hears(t, here, large)
		hears(t, there)
		if n := kit.Ignored(all[1]); n != 0 {
			t.Errorf("%d messages were ignored", n)
		}
	})
}

// Row 82: a Store that fails, or does not answer, leaves presence as it was known, and what has changed meanwhile is told
// when it is back.
func badStore(t *testing.T) {
	for name, store := range map[string]func(context.Context) error{
		"refuses": func(context.Context) error { return errRefused }, "does not answer": hang,
	} {
		inFakeTime(t, func(t *testing.T) {
			all := startNodes(t, newEngine(t), 2, func(n *node, _ *wsgate.Options) { n.loud = true })
			ann, bob := all[0].connect("ann", "club"), all[1].connect("bob", "club")
			wstest.Pass(time.Second)
			hear(ann)
			hear(bob)

			all[1].link.fail(faults{store: store})
			cleo := all[1].connect("cleo", "club")
			dan := all[1].connect("dan", "cellar")
			wstest.Pass(10 * time.Second)
			eve := all[0].connect("eve", "club")
			wstest.Pass(10 * time.Second)
			hears(t, bob, "+cleo:CLEO =3", "+eve:EVE =4")
			hears(t, cleo, "all +ann:ANN +bob:BOB +cleo:CLEO =3", "+eve:EVE =4")
			hears(t, dan, "all +dan:DAN =1")
			hears(t, ann, "+eve:EVE =3") // cleo's node could not say it
			hears(t, eve, "all +ann:ANN +bob:BOB +eve:EVE =3")
			begun := time.Now()
			if got, err := all[1].members(t.Context(), "attic"); !errors.Is(err, wsgate.ErrBroker) || got != "" {
				t.Errorf("%s: in an empty room are %q, %v, want ErrBroker", name, got, err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("%s: Members took %v", name, took)
			}
			cleo.Close(1000, "")
			wstest.Pass(10 * time.Second)
			eve.Close(1000, "")
			dan.Reset()
			wstest.Pass(20 * time.Second)
			hears(t, bob, "-cleo =3", "-eve =2")
			frank := all[1].connect("frank", "club")

			all[1].link.fail(faults{})
			wstest.Pass(10 * time.Second)
			hears(t, ann, "-eve =2", "+frank:FRANK =3")
			hears(t, frank, "all +ann:ANN +bob:BOB +frank:FRANK =3")
			present(t, "club", "ann bob frank", all...)
			present(t, "cellar", "", all...)
		})
	}
}
