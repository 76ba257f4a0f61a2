package abuse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// garbage returns messages that no node sends, on whatever topic. Those that can be read come from a node with that id.
func garbage(from string) (all [][]byte) {
	seq := uint64(0)
	say := func(kind byte, body ...byte) {
		seq++
		all = append(all, message(kind, from, seq, body...))
	}
	good := message(ofData, from, 1<<20, append([]byte{1, 0}, "good"...)...)
	for _, version := range []byte{0, 2, 3, 0x7f, 0x80, 0xff} { // what an older or a newer node would send
		all = append(all, append([]byte{version}, good[1:]...))
	}
	for n := range len(from) + 4 { // cut short within the head
		all = append(all, good[:n])
	}
	all = append(all,
		[]byte("hello"), []byte("PING\r\n"), []byte(`{"type":"said","data":"x"}`), bytes.Repeat([]byte{0}, 1<<20), bytes.Repeat([]byte{0xff}, 1<<20),
		[]byte{1, ofData, 0, 1, 1, 0, 'x'},                           // without an id
		append([]byte{1, ofData, 129, 1}, make([]byte, 200)...),      // an id that is too long
		append([]byte{1, ofData, 0xff, 0xff, 0xff, 0xff, 0x0f}, 'x'), // and one of gigabytes
		append([]byte{1, ofData}, bytes.Repeat([]byte{0xff}, 20)...),
		message(ofData, from, 0, 1, 0, 'x'), // numbers begin with 1
	)
	for range 200 {
		random := make([]byte, 1+rand.IntN(300))
		for i := range random {
			random[i] = byte(rand.Uint32())
		}
		random[0] |= 2 // is of another version
		all = append(all, random)
	}
	for _, kind := range []byte{0, ofAnswer + 1, 100, 255} {
		say(kind, 1, 0, 'x')
	}
	say(ofData)
	say(ofData, 0, 0, 'x') // neither text nor binary
	say(ofData, 3, 0, 'x')
	say(ofData, 8, 0)
	say(ofData, 1, 0, 0xff) // not UTF-8
	say(ofData, 1)
	say(ofData, 1, 5, 1, 'x')
	say(ofData, append([]byte{1}, binary.AppendUvarint(nil, 1<<40)...)...)
	say(ofData, append([]byte{1, 1, 65}, make([]byte, 65)...)...)
	say(ofData, append([]byte{1, 0}, make([]byte, 1<<20+1)...)...) // more than a queue holds
	say(ofData, append([]byte{2, 0}, make([]byte, 8<<20)...)...)
	say(ofPresence)
	say(ofPresence, 1, 2, 1, 'x')         // no such operation
	say(ofPresence, 1, 0, 0)              // of nobody
	say(ofPresence, 1, 1, 1, 'x')         // cut short
	say(ofPresence, 1, 1, 1, 'x', 1, 100) // and again
	say(ofPresence, cluster.AppendString([]byte{1, 0}, strings.Repeat("x", 256))...)
	say(ofPresence, cluster.AppendString([]byte{1, 1, 1, 'x', 1}, strings.Repeat("x", 4<<10+1))...)
	say(ofPresence, bytes.Repeat([]byte{0xff}, 100)...)
	say(ofPresence, append([]byte{1}, bytes.Repeat([]byte{0, 1, 'x'}, 700_000)...)...) // right, but for its size
	say(ofAsk)
	say(ofAsk, 0xff)
	say(ofAsk, 1, 0xff, 0xff)
	say(ofAsk, append([]byte{1}, binary.AppendUvarint(nil, 6000)...)...)            // neither a code nor another request
	say(ofAsk, append([]byte{1}, append(binary.AppendUvarint(nil, 5000), 9)...)...) // a request about no set
	say(ofAsk, 1, 1, 10, 'x')
	say(ofAsk, append([]byte{1}, make([]byte, 2<<20)...)...)
	return all
}

// Row 83: what is no message of a node, on any topic that a node hears, is ignored and counted. The messages that are some go
// on, and so do the clients.
func garbageOnTopics(t *testing.T) {
	su := vocabulary(append(roomEvents(), track())...)
	su.most = 96 << 20
	all, links := startAcross(t, 2, su)
	ann, bob := all[0].connectAs(t, "ann"), all[1].connectAs(t, "bob")
	for i, c := range []*client{ann, bob} {
		c.put(masked(text, []byte(`{"type":"join","id":1,"data":["lobby"]}`)))
		c.hearsOf(`{"type":"join","id":1}`)
		c.hearsOf([]string{
			`{"type":"people","room":"lobby","all":true,"here":{"ann":{"name":"ANN"}},"count":1}`,
			`{"type":"people","room":"lobby","all":true,"here":{"ann":{"name":"ANN"},"bob":{"name":"BOB"}},"count":2}`,
		}[i])
	}
	ann.hearsOf(`{"type":"people","room":"lobby","here":{"bob":{"name":"BOB"}},"count":2}`)

	topics := slices.Compact(slices.Sorted(slices.Values(append(links[0].topics(), links[1].topics()...))))
	want := []uint64{0, 0}
	bad := garbage("forger")
	for _, topic := range topics {
		for _, m := range bad {
			if err := links[0].engine.Publish(topic, m); err != nil {
				t.Fatal(err)
			}
		}
		for i, l := range links {
			if slices.Contains(l.topics(), topic) {
				want[i] += uint64(len(bad))
			}
		}
	}
	for i, s := range all {
		if !eventually(patience, func() bool { return kit.Ignored(s.app) >= want[i] }) || kit.Ignored(s.app) != want[i] {
			t.Errorf("node %d ignored %d messages, want %d", i, kit.Ignored(s.app), want[i])
		}
		if err := s.app.Ready(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d messages on %d topics", want[0]+want[1], len(topics))
	for i, say := range []string{"one", "two"} {
		c := []*client{ann, bob}[i]
		c.put(masked(text, []byte(`{"type":"tell","room":"lobby","text":"`+say+`"}`)))
		ann.hearsOf(`{"type":"said","data":"` + say + `"}`)
		bob.hearsOf(`{"type":"said","data":"` + say + `"}`)
	}
	for _, to := range []wsgate.Target{all[0].app.Hub().User("bob"), all[0].app.Hub().At(attacked)} {
		if err := said.Emit(to, "x"); err != nil {
			t.Error(err)
		}
		bob.hearsOf(`{"type":"said","data":"x"}`)
	}
	ann.hearsOf(`{"type":"said","data":"x"}`)
	for _, c := range []*client{ann, bob} {
		c.exchanges(sound)
		c.leaves()
	}
	for i, s := range all {
		if got := kit.Ignored(s.app); got != want[i] {
			t.Errorf("node %d ignored %d messages more", i, got-want[i])
		}
	}
}

// Row 83: messages that come twice, or behind later ones, are ignored and counted, on every topic.
func repeatedMessages(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := newEngine(t)
		all := startNodes(t, e, 2, nil)
		f, kept := record()
		all[1].link.fail(f)
		here, there := all[0].connect("ann", "lobby"), all[1].connect("bob", "lobby")
		var want []string
		for i := range 5 {
			want = append(want, fmt.Sprint("message ", i))
			wstest.Do(here, tell, line{"lobby", want[i]})
		}
		wstest.Pass(10 * time.Second)
		all[1].link.fail(faults{})
		heard := slices.DeleteFunc(hear(there), func(text string) bool { return !strings.HasPrefix(text, "message") })
		if !slices.Equal(heard, want) {
			t.Errorf("heard %q, want %q", heard, want)
		}

		again := slices.DeleteFunc(kept(), func(m delivery) bool {
			_, _, from, _ := parse(m.text)
			return from == all[1].link.node() // its echo, which is nothing wrong
		})
		for range 3 {
			rand.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
			for _, m := range again {
				all[1].link.hand(m.topic, m.text)
			}
		}
		wstest.Pass(time.Second)
		if got := kit.Ignored(all[1]); got != uint64(3*len(again)) {
			t.Errorf("%d messages were ignored, want %d", got, 3*len(again))
		}
		hears(t, there)
		wstest.Do(here, tell, line{"lobby", "new"})
		hears(t, there, "new")
		present(t, "lobby", "ann bob", all...)
	})
}

// Row 83: numbers that no node sends, in the name of one that goes on, do not stay: two seconds later its messages are heard again,
// and what is known of its users is right again within the minute in which tables are read again.
func wrongNumbers(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := newEngine(t)
		all := startNodes(t, e, 2, nil)
		here, there := all[0].connect("ann", "lobby"), all[1].connect("bob", "lobby")
		wstest.Pass(time.Second)
		forged, to := all[0].link.node(), all[1].link
		for round, seq := range []uint64{1 << 20, 1 << 40, 1 << 48, 1<<63 + 1, 1<<64 - 1} {
			for _, version := range []uint64{2, 1<<64 - 1} { // the second of the node's to the room, and the last that fits
				news := binary.AppendUvarint(nil, version)
				news = cluster.AppendString(append(news, 1), "ann")
				news = binary.AppendUvarint(news, 1<<64-1) // is newer than any other
				news = cluster.AppendString(news, `{"name":"EVE"}`)
				to.hand(topicOf("lobby"), message(ofPresence, forged, seq, news...))
				seq++
			}
			for _, topic := range []string{topicOf("lobby"), allNodes} {
				for _, kind := range []byte{ofData, ofBeat, ofAnswer} {
					to.hand(topic, message(kind, forged, seq, binary.AppendUvarint([]byte{}, 1<<64-1)...))
					seq++
				}
			}
			wstest.Do(here, tell, line{"lobby", "lost, if the number was believed"})
			wstest.Pass(2 * time.Second)
			hear(there)
			wstest.Do(here, tell, line{"lobby", fmt.Sprint("after ", round)})
			hears(t, there, fmt.Sprint("after ", round))
			wstest.Pass(time.Minute + 5*time.Second)
			present(t, "lobby", "ann bob", all...)
			if members, err := wsgate.Members[profile](t.Context(), all[1].room("lobby")); err != nil || members["ann"].Name != "ANN" {
				t.Errorf("behind number %d: members are %v, %v, want ann as she is", seq, members, err)
			}
		}
	})
}

// Row 83: a node that has missed what another has said of presence notices with the next news.
func missedNews(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 2, nil)
		ann := all[0].connect("ann", "club")
		all[1].connect("bob", "club")
		wstest.Pass(time.Second)
		hear(ann)
		all[0].link.cut()
		all[1].connect("cleo", "club")
		wstest.Pass(time.Second)
		hears(t, ann)
		all[0].link.fail(faults{})
		all[1].connect("dan", "club")
		wstest.Pass(time.Second)
		hears(t, ann, "+dan:DAN =3", "+cleo:CLEO =4")
		present(t, "club", "ann bob cleo dan", all...)
	})
}

// Row 83: an engine that loses, repeats and mixes up what the nodes say of presence does not keep them from agreeing soon
// after.
func unreliableEngine(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 3, nil)
		watchers := []*wstest.Client{all[0].connect("w0", "club"), all[1].connect("w1", "club"), all[2].connect("w2", "club")}
		for i, n := range all {
			n.link.fail(unreliable(uint64(i)))
		}
		random := rand.New(rand.NewPCG(1, 2))
		clients := map[string]*wstest.Client{}
		for range 300 {
			user := fmt.Sprint("u", random.IntN(8))
			if c := clients[user]; c != nil {
				delete(clients, user)
				c.Close(1000, "")
			} else {
				clients[user] = all[random.IntN(len(all))].connect(user, "club")
			}
			wstest.Pass(time.Duration(random.IntN(500)) * time.Millisecond)
		}
		for _, n := range all {
			n.link.fail(faults{})
		}
		names := []string{"w0", "w1", "w2"}
		wstest.Pass(time.Minute + 5*time.Second) // in which every table is read again
		for user := range clients {
			names = append(names, user)
		}
		slices.Sort(names)
		present(t, "club", strings.Join(names, " "), all...)
		for i, c := range watchers {
			if got := follow(hear(c)); !slices.Equal(got, names) {
				t.Errorf("who follows the news on node %d takes %q for present, want %q", i, got, names)
			}
		}
		for i, n := range all {
			if kit.Ignored(n) == 0 {
				t.Errorf("node %d ignored nothing, so nothing was tested", i)
			}
		}
	})
}

// unreliable has a third of the messages of rooms lost, repeated, or delivered behind the next.
func unreliable(seed uint64) faults {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	held := map[string][]byte{}
	return faults{deliver: func(topic string, m []byte, take func([]byte)) {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(topic, "room.") {
			take(m)
			return
		}
		behind := held[topic]
		delete(held, topic)
		switch random.IntN(9) {
		case 0:
		case 1:
			take(m)
			take(m)
		case 2:
			held[topic] = bytes.Clone(m)
		default:
			take(m)
		}
		if behind != nil {
			take(behind)
		}
	}}
}

// follow returns who is there for a client that has heard these news, sorted.
func follow(news []string) (there []string) {
	present := map[string]bool{}
	for _, text := range news {
		for word := range strings.FieldsSeq(text) {
			id, _, _ := strings.Cut(word[1:], ":")
			switch {
			case word == "all":
				clear(present)
			case word[0] == '+':
				present[id] = true
			case word[0] == '-':
				delete(present, id)
			}
		}
	}
	for id := range present {
		there = append(there, id)
	}
	slices.Sort(there)
	return there
}

// Row 84: no two nodes have one id, and what comes with a node's own id is its own echo, which it does not hear, whoever sent
// it.
func ownMessages(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		e := newEngine(t)
		all := startNodes(t, e, 2, nil)
		here, there := all[0].connect("ann", "lobby"), all[1].connect("bob", "lobby")
		wstest.Pass(time.Second)
		hear(here)
		hear(there)
		wstest.Do(here, tell, line{"lobby", "once"})
		hears(t, here, "once")
		hears(t, there, "once")

		own := all[0].link.node()
		for _, topic := range all[0].link.topics() {
			for kind := range ofAnswer + 2 {
				for _, body := range [][]byte{nil, {1, 0, 'x'}, []byte(own), {1, 0, 3, 'a', 'n', 'n'}, {1, 1, 3, 'e', 'v', 'e', 9, 2, '{', '}'}} {
					all[0].link.hand(topic, message(kind, own, 1<<40, body...))
				}
			}
		}
		wstest.Pass(20 * time.Second)
		hears(t, here)
		hears(t, there)
		if got := kit.Ignored(all[0]); got != 0 {
			t.Errorf("the node ignored %d messages of its own", got)
		}
		present(t, "lobby", "ann bob", all...)
		wstest.Do(here, tell, line{"lobby", "once more"})
		hears(t, here, "once more")
		hears(t, there, "once more")

		ids := map[string]bool{own: true, all[1].link.node(): true}
		const more = 50
		for range more { // each in the place of the one before
			l := newLink(t, e)
			app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{
				{Path: home, New: func() *gateway { return &gateway{entrance{book: newBook()}} }},
			}}, &wsgate.Options{Broker: l, Logger: slog.New(kit.NewLog())})
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			wstest.Pass(time.Second)
			if err := app.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			ids[l.node()] = true
		}
		if len(ids) != more+2 {
			t.Errorf("%d nodes have %d ids", more+2, len(ids))
		}
	})
}
