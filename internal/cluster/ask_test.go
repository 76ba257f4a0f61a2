package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// silentNodes returns the nodes that the error of an Ask names.
func silentNodes(err error) []string {
	var silent *cluster.SilentError
	if errors.As(err, &silent) {
		return silent.Nodes
	}
	return nil
}

// questions returns the numbers of what is asked from now on.
func questions(t *testing.T, engine *local.Broker) <-chan uint64 {
	numbers := make(chan uint64, 100)
	end, err := engine.Subscribe(t.Context(), "nodes", func(text []byte) {
		if text[1] != kit.NodeAsk {
			return
		}
		rest := text[3+int(text[2]):] // behind version, kind and node, which is shorter than 128 bytes
		_, n := binary.Uvarint(rest)
		number, _ := binary.Uvarint(rest[n:])
		numbers <- number
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return numbers
}

// number is how an answer says which question it is for.
func number(n uint64) string { return string(binary.AppendUvarint(nil, n)) }

func TestAsk(t *testing.T) {
	kit.Bubble(t, "all answer at once", func(t *testing.T) {
		engine := new(local.Broker)
		nodes := []*member{start(t, engine), start(t, engine), start(t, engine)}
		wstest.Pass(0)
		begin := time.Now()
		for _, body := range []string{"first", "", strings.Repeat("x", 100_000)} {
			if err := request(t.Context(), nodes[0], []byte(body)); err != nil {
				t.Error(err)
			}
			nodes[0].happened.WantNext(t, slices.DeleteFunc([]string{"state <nil>"}, func(string) bool { return body != "first" })...)
			for _, n := range nodes[1:] {
				want := []string{"state <nil>", "asked " + body}
				if body != "first" {
					want = want[1:]
				}
				n.happened.WantNext(t, want...)
			}
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("took %v, want no time", took)
		}
	})
	kit.Bubble(t, "one says yes", func(t *testing.T) {
		engine := new(local.Broker)
		nodes := []*member{start(t, engine), start(t, engine), start(t, engine)}
		nodes[2].says = map[string]bool{"are you the last?": true}
		wstest.Pass(0)
		for question, want := range map[string]bool{"are you the last?": true, "are you the first?": false} {
			if yes, err := nodes[0].Request(t.Context(), []byte(question)); err != nil || yes != want {
				t.Errorf("%s got %v, %v", question, yes, err)
			}
		}
		kit.NewMuteNode(t, engine, "mute")
		begin := time.Now()
		if yes, err := nodes[0].Request(t.Context(), []byte("are you the last?")); err != nil || !yes || time.Since(begin) > 0 {
			t.Errorf("beside a node that does not answer: got %v, %v after %v", yes, err, time.Since(begin))
		}
		if yes, err := nodes[0].Request(t.Context(), []byte("are you the first?")); yes || silentNodes(err) == nil {
			t.Errorf("beside a node that does not answer: got %v, %v", yes, err)
		}
	})
	kit.Bubble(t, "nobody is there", func(t *testing.T) {
		n := start(t, new(local.Broker))
		if err := request(t.Context(), n, nil); err != nil {
			t.Error(err)
		}
	})
	kit.Bubble(t, "the engine is away", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		kit.NewMuteNode(t, engine, "mute")
		engine.SetAway(errAway)
		begin := time.Now()
		if err := request(t.Context(), n, nil); !errors.Is(err, errAway) {
			t.Errorf("got %v, want %v", err, errAway)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("took %v, want no time", took)
		}
	})
	kit.Bubble(t, "hundreds at a time", func(t *testing.T) {
		engine := new(local.Broker)
		nodes := []*member{start(t, engine), start(t, engine), start(t, engine)}
		wstest.Pass(0)
		var asking sync.WaitGroup
		for i := range 300 {
			asking.Go(func() {
				if err := request(t.Context(), nodes[i%3], fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		for _, n := range nodes {
			lines := n.happened.Take()
			slices.Sort(lines)
			if got := len(slices.Compact(lines)); got != 1+200 { // and its state
				t.Errorf("got %d lines, want 200 questions", got)
			}
		}
	})
}

// Who does not answer is named, after 5 s or when the context ends.
func TestAskTheSilent(t *testing.T) {
	for _, test := range []struct {
		within, want time.Duration
	}{{time.Hour, 5 * time.Second}, {5 * time.Second, 5 * time.Second}, {time.Second, time.Second}, {1, 1}} {
		kit.Bubble(t, test.within.String(), func(t *testing.T) {
			engine := new(local.Broker)
			n := start(t, engine)
			start(t, engine)
			mute := kit.NewMuteNode(t, engine, "mute")
			kit.NewMuteNode(t, engine, "deaf")
			ctx, cancel := context.WithTimeout(t.Context(), test.within)
			defer cancel()
			begin := time.Now()
			err := request(ctx, n, nil)
			if got := silentNodes(err); !slices.Equal(got, []string{"deaf", "mute"}) || err.Error() != "deaf, mute" {
				t.Errorf("got %v, want both named", err)
			}
			if took := time.Since(begin); took != test.want {
				t.Errorf("took %v, want %v", took, test.want)
			}
			mute.Publish("node."+n.ID(), kit.NodeAnswer, number(1)) // too late
			wstest.Pass(0)
			if got := ignored(n); got != 0 {
				t.Errorf("got %d ignored messages, want none", got)
			}
		})
	}
	kit.Bubble(t, "a context that has ended", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		kit.NewMuteNode(t, engine, "mute")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := silentNodes(request(ctx, n, nil)); !slices.Equal(got, []string{"mute"}) {
			t.Errorf("got %q, want mute", got)
		}
	})
}

// A node that leaves without an answer counts as silent: nobody knows what it has done.
func TestAskTheDying(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		dying := kit.NewMuteNode(t, engine, "dying")
		asked := make(chan error)
		go func() { asked <- request(t.Context(), n, nil) }()
		wstest.Pass(time.Second)
		dying.Publish("nodes", kit.NodeBye, "")
		if got := silentNodes(<-asked); !slices.Equal(got, []string{"dying"}) {
			t.Errorf("got %q, want the one that died", got)
		}
		if err := request(t.Context(), n, nil); err != nil { // now it is known to be dead
			t.Error(err)
		}
	})
}

// Only the answers of those that were asked count, each once, for their question.
func TestWhoseAnswersCount(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		a, b := kit.NewMuteNode(t, engine, "a"), kit.NewMuteNode(t, engine, "b")
		numbers := questions(t, engine)
		to := "node." + n.ID()
		asked := make(chan error, 1)
		ask := func() uint64 {
			go func() { asked <- request(t.Context(), n, nil) }()
			return <-numbers
		}
		wait := func() {
			t.Helper()
			wstest.Pass(time.Second / 10)
			select {
			case err := <-asked:
				t.Fatalf("Ask returned %v before all had answered", err)
			default:
			}
		}

		first := ask()
		wait()
		a.Publish(to, kit.NodeAnswer, number(first))
		a.Publish(to, kit.NodeAnswer, number(first)) // twice
		late := kit.NewMuteNode(t, engine, "late")   // was not asked
		late.Publish(to, kit.NodeAnswer, number(first))
		b.Publish(to, kit.NodeAnswer, number(first+1)) // another question
		b.Publish(to, kit.NodeAnswer, "")
		b.Publish(to, kit.NodeAnswer, "\xff")
		b.Publish(to, kit.NodeBeat, number(first))
		wait()
		b.Publish(to, kit.NodeAnswer, number(first))
		b.Publish(to, kit.NodeAnswer, number(first))
		if err := <-asked; err != nil {
			t.Error(err)
		}

		late.Publish("nodes", kit.NodeBye, "")
		wstest.Pass(0)
		second := ask()
		for _, f := range []*kit.ForgedNode{a, b} { // to a question of before
			f.Publish(to, kit.NodeAnswer, number(first))
		}
		wait()
		a.Publish("nodes", kit.NodeAnswer, number(second)) // wherever it is said
		b.Publish(to, kit.NodeAnswer, number(second))
		if err := <-asked; err != nil {
			t.Error(err)
		}
	})
}

// Several answers to one question at the same time, and to several questions in any order.
func TestAnswersInAnyOrder(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		var peers []*kit.ForgedNode
		for i := range 20 {
			peers = append(peers, kit.NewMuteNode(t, engine, fmt.Sprint("p", i)))
		}
		numbers := questions(t, engine)
		const count = 20
		asked := make(chan error, count)
		var open []uint64
		for range count {
			go func() { asked <- request(t.Context(), n, nil) }()
			open = append(open, <-numbers)
		}
		for _, f := range peers {
			slices.Reverse(open)
			for _, question := range open {
				f.Publish("node."+n.ID(), kit.NodeAnswer, number(question))
			}
		}
		for range count {
			if err := <-asked; err != nil {
				t.Error(err)
			}
		}
	})
}
