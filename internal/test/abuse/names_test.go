package abuse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// Row 50: rooms and users with names that mean something elsewhere are apart on every node, and to the engine they are plain
// words.
func namesAcrossNodes(t *testing.T) {
	all, links := startAcross(t, 2, vocabulary(roomEvents()...))
	names := []string{
		"../../etc", "a/b", "a", "A", "*", ">", "a.*", "a..b", "a.b", ".", "a.", " ", "  ", "=", "==", "a=2Eb", "\u00e9", "e\u0301", "\U0001f600",
		"%", "%s", "a%2fb", "other:a", "{a}", "#", "+", "$SYS.>", "_INBOX.x", "nodes", "__keyspace@0__", "__proto__", "\ufeff", "\u202ea", "a\u200bb", "a\u200db", "a\u3000b", attacked, home,
		strings.Repeat("x", 255), strings.Repeat("ä", 127), strings.Repeat(".", 255),
	}
	control := []string{"a\x00b", "a\r\nPUB x 1\r\n", "\n", "\t", "\x1b[2J", "a\u2028b"} // of users; rooms cannot have such names
	known := map[string]bool{}
	for _, topic := range links[1].topics() {
		known[topic] = true
	}
	type member struct {
		*client
		want string
	}
	var members []member
	for i, name := range names {
		c := all[1].connect(t)
		c.exchanges(exchange{fmt.Sprintf(`{"type":"join","id":1,"data":[%q]}`, name), `{"type":"join","id":1}`})
		members = append(members, member{c, fmt.Sprint("room ", i)})
	}
	users := append(slices.Clone(names), control...)
	for i, id := range users {
		members = append(members, member{all[1].connectAs(t, id), fmt.Sprint("user ", i)})
	}
	for _, name := range control {
		c := all[1].connect(t)
		c.exchanges(exchange{fmt.Sprintf(`{"type":"join","id":1,"data":["%s"]}`, escape(name)), "invalid 1"})
		c.leaves()
	}
	fresh := slices.DeleteFunc(links[1].topics(), func(topic string) bool { return known[topic] })
	if want := len(names) + len(users) + 1; len(fresh) != want { // and that of the route
		t.Errorf("the node has %d topics more, want %d: %q", len(fresh), want, fresh)
	}

	hub := all[0].app.Hub()
	send := func(to wsgate.Target, text string) {
		t.Helper()
		if err := said.Emit(to, text); err != nil {
			t.Error(err)
		}
	}
	for i, name := range names {
		send(hub.At(attacked).Room(name), fmt.Sprint("room ", i))
	}
	for i, id := range users {
		send(hub.User(id).At(attacked), fmt.Sprint("user ", i))
	}
	long := strings.Repeat("ä", 30_000)
	for _, name := range append(control, "", long, "\xff", "a\u2029b") {
		send(hub.At(attacked).Room(name), "nobody")
	}
	for _, id := range []string{"", long, "\xff", "ann"} {
		send(hub.User(id).At(attacked), "nobody")
	}
	for _, m := range members {
		m.hearsOf(fmt.Sprintf(`{"type":"said","data":%q}`, m.want))
		m.exchanges(sound)
		m.leaves()
	}
	for i, s := range all {
		if n := kit.Ignored(s.app); n != 0 {
			t.Errorf("node %d ignored %d messages", i, n)
		}
	}
}

// escape returns a text as it stands in JSON.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < ' ' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Row 51: rooms that somebody joins and leaves again and again cost the engine one subscription each, and none in the end.
func churnAcrossNodes(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 2, nil)
		l := all[0].link
		c, other := all[0].connect(""), all[0].connect("")
		before := l.topics()
		costs := func(what string, want int) {
			t.Helper()
			got := 0
			subscribed, _ := l.counts()
			for _, times := range subscribed {
				got += times
			}
			if got != want {
				t.Errorf("%s: %d subscriptions, want %d", what, got, want)
			}
		}
		costs("the start", len(before))

		const rooms = 10_000
		var names []string
		for i := range rooms {
			names = append(names, fmt.Sprint("r", i))
		}
		for range 2 {
			for some := range slices.Chunk(names, 500) {
				wstest.Do(c, join, some)
			}
			wstest.Do(c, join, names[:100]) // again
			wstest.Do(other, join, names[:100])
			wstest.Do(c, leave, names)
			wstest.Do(c, leave, names)
			wstest.Do(other, leave, names[:200])
			wstest.Pass(time.Second)
		}
		costs("10,000 rooms, twice", rooms)
		wstest.Pass(10 * time.Second)
		if got := l.topics(); !slices.Equal(got, before) {
			t.Errorf("the node is subscribed to %d topics, want %d as before", len(got), len(before))
		}

		for range 6 {
			wstest.Do(c, churn, []string{"x"})
			wstest.Do(other, churn, []string{"x", "y"})
			wstest.Pass(time.Second)
		}
		costs("1,500 times a second", 2)
		for range 2 { // too seldom to be kept
			wstest.Do(c, churn, []string{"z"})
			wstest.Pass(11 * time.Second)
		}
		costs("now and then", 2)
		if got := l.topics(); !slices.Equal(got, before) {
			t.Errorf("the node is subscribed to %q, want %q as before", got, before)
		}
		wstest.Quiet(c)
		wstest.Quiet(other)
	})
}

// Row 52: what a client sends does nothing but call the handler that has its name: it joins nothing, reaches nobody and is
// nobody else, whatever the message says.
func forgedMessages(t *testing.T) {
	var handled atomic.Int64
	su := vocabulary(track(), wsgate.On("note", func(_ context.Context, c *conn, _ profile) error {
		handled.Add(1)
		if c.Data.user != "mallory" || c.Path() != attacked || len(c.Rooms()) > 0 {
			t.Errorf("it is %q on %s in %q", c.Data.user, c.Path(), c.Rooms())
		}
		return nil
	}))
	su.hooks.open = func(_ context.Context, c *conn) error {
		if c.Data.user == "victim" {
			return c.Join("secret")
		}
		return nil
	}
	all, links := startAcross(t, 2, su)
	var victims []*client
	for _, s := range all {
		victims = append(victims, s.connectAs(t, "victim"))
	}
	for _, victim := range victims {
		victim.hearsOf(`{"type":"people","room":"secret","all":true,"here":{"victim":{"name":"VICTIM"}},"count":1}`)
	}
	mallory := all[0].connectAs(t, "mallory")
	for _, l := range links {
		l.counts()
	}
	for i, say := range []string{
		`{"type":"note","id":%d,"room":"secret","rooms":["secret"],"to":"secret","user":"victim","from":"victim","sender":"victim"}`,
		`{"id":%d,"type":"note","name":"victim","UserID":"victim","conn":"x","node":"x","message":{"room":"secret"},"topic":"` + topicOf("secret") + `"}`,
		`{"type":"join","id":%d,"data":["secret"]}`,
		`{"type":"leave","id":%d,"data":["secret"]}`,
		`{"type":"subscribe","id":%d,"room":"secret"}`,
		`{"type":"said","id":%d,"data":"to everybody"}`,
		`{"type":"tell","id":%d,"room":"secret","text":"x"}`,
		`{"type":"people","id":%d,"room":"secret","gone":["victim"],"count":0}`,
		`{"type":"people","id":%d,"room":"secret","all":true,"here":{"mallory":{"name":"x"}},"count":1}`,
		`{"type":"OnOpen","id":%d}`, `{"type":"disconnect","id":%d,"user":"victim"}`,
	} {
		say = fmt.Sprintf(say, i)
		want := fmt.Sprintf("unknown_event %d", i)
		if strings.Contains(say, `"note"`) {
			want = fmt.Sprintf(`{"type":"note","id":%d}`, i)
		}
		mallory.exchanges(exchange{say, want})
	}
	for _, kind := range []byte{ofData, ofPresence, ofBye, ofAsk, ofBuried} { // as one node says it to another
		forged := message(kind, links[1].node(), 1<<40, 1, 0, 'x')
		mallory.put(masked(bin, forged))
		mallory.answer(exchange{"binary", "unsupported"})
	}
	if n := handled.Load(); n != 2 {
		t.Errorf("the handler ran %d times, want 2", n)
	}
	for i, l := range links {
		subscribed, published := l.counts()
		delete(published, allNodes) // it beats
		if len(subscribed)+len(published) > 0 {
			t.Errorf("node %d has subscribed to %v and published to %v on behalf of a client", i, subscribed, published)
		}
	}
	for _, victim := range victims {
		victim.exchanges(sound)
		victim.leaves()
	}
	if n := all[0].app.Hub().At(attacked).Room("secret").Len(); n > 0 {
		t.Errorf("%d are in the room", n)
	}
	mallory.leaves()
}
