package fair_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate/internal/fair"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// each is what an item of no bytes for a topic of one counts for.
const each = fair.Overhead + 1

// put puts in items that are a topic and a number, as "a1 a2 b1", and returns those that have no room.
func put(t *testing.T, q *fair.Queue[string], items string) (refused []string, lost int) {
	t.Helper()
	for item := range strings.FieldsSeq(items) {
		loss, err := q.Put(item[:1], item, 0)
		if err != nil {
			refused = append(refused, item)
		}
		lost += loss.Items
	}
	return refused, lost
}

// take takes everything, in batches.
func take[T any](q *fair.Queue[T], batch int) (items []T) {
	for {
		select {
		case <-q.Ready():
		default:
			return items
		}
		some, open := q.Take(make([]T, 0, batch))
		items = append(items, some...)
		if !open {
			return items
		}
	}
}

func TestTurns(t *testing.T) {
	for _, test := range []struct {
		name      string
		room      int // items
		put       string
		want      string
		refused   string
		lost      int
		lostTopic string
	}{
		{"nothing", 3, "", "", "", 0, ""},
		{"in order", 3, "a1 a2 a3", "a1 a2 a3", "", 0, ""},
		{"in turns", 9, "a1 a2 a3 b1 b2 c1", "a1 b1 c1 a2 b2 a3", "", 0, ""},
		{"too many", 3, "a1 a2 a3 a4 a5", "a1 a2 a3", "a4 a5", 0, ""},
		{"another topic finds room", 3, "a1 a2 a3 b1", "a1 b1 a2", "", 1, "a"},
		{"up to half of the longest", 6, "a1 a2 a3 a4 a5 a6 b1 b2 b3 b4", "a1 b1 a2 b2 a3 a4", "b3 b4", 2, "a"},
		{"half of three", 6, "a1 a2 a3 a4 a5 a6 b1 b2 b3 c1 c2 c3", "a1 b1 c1 a2 b2 a3", "b3 c2 c3", 3, "a"},
		{"of equals the newest has none", 2, "a1 b1 c1 a2", "a1 b1", "c1 a2", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, batch := range []int{1, 2, 100} {
				q := fair.New[string](test.room * each)
				for range 3 { // it is as good as new when it is empty
					refused, lost := put(t, q, test.put)
					if got := strings.Join(refused, " "); got != test.refused || lost != test.lost {
						t.Errorf("refused %q and lost %d, want %q and %d", got, lost, test.refused, test.lost)
					}
					if got := strings.Join(take(q, batch), " "); got != test.want {
						t.Errorf("got %q, want %q", got, test.want)
					}
				}
			}
		})
	}
}

func TestLargeItems(t *testing.T) {
	q := fair.New[string](1000)
	if _, err := q.Put("a", "large", 5000); err != nil {
		t.Errorf("got %v for an item alone, want that it has room", err)
	}
	if _, err := q.Put("a", "small", 0); err != fair.ErrFull {
		t.Errorf("got %v behind it, want ErrFull", err)
	}
	if loss, err := q.Put("b", "small", 0); err != nil || loss.Items != 1 || loss.Topic != "a" {
		t.Errorf("got %v and %v for another topic, want that the large one goes", loss, err)
	}
	if loss, err := q.Put("c", "large", 5000); err != fair.ErrFull || loss.Items != 0 {
		t.Errorf("got %v and %v for a large one, want that it has no room and nobody loses anything", loss, err)
	}
	if got := take(q, 10); !slices.Equal(got, []string{"small"}) {
		t.Errorf("got %q", got)
	}
	q = fair.New[string](10 << 20)
	for range 10 {
		_, _ = q.Put("a", "", 100<<10)
	}
	<-q.Ready()
	if some, _ := q.Take(make([]string, 0, 100)); len(some) != 3 {
		t.Errorf("got %d items of 100 KiB at a time, want 3", len(some))
	}
}

func TestEnd(t *testing.T) {
	q := fair.New[string](100 * each)
	put(t, q, "a1 a2 b1")
	q.End()
	if _, err := q.Put("a", "a3", 0); err != fair.ErrEnded {
		t.Errorf("got %v behind the end, want ErrEnded", err)
	}
	for i, want := range []string{"a1", "b1", "a2", ""} {
		<-q.Ready()
		some, open := q.Take(make([]string, 0, 1))
		if got := strings.Join(some, " "); got != want || open != (i < 2) {
			t.Errorf("got %q and %v, want %q", got, open, want)
		}
	}
	q = fair.New[string](100 * each)
	put(t, q, "a1 a2 b1")
	if n := q.Drop(); n != 3 {
		t.Errorf("got %d items dropped, want 3", n)
	}
	<-q.Ready()
	if some, open := q.Take(make([]string, 0, 1)); len(some) > 0 || open {
		t.Errorf("got %q and %v of what was dropped, want nothing, and the end", some, open)
	}
	if _, err := q.Put("a", "a1", 0); err != fair.ErrEnded || q.Drop() != 0 {
		t.Errorf("got %v, want ErrEnded", err)
	}
}

// model is the queue in as few words as possible.
type model struct {
	most int
	row  []string // topics, in the order of their turns
	has  map[string][]item
}

type item struct {
	topic        string
	number, size int // size with what it counts for
}

func sum(items []item) (size int) {
	for _, i := range items {
		size += i.size
	}
	return size
}

func (m *model) all() (items []item) {
	for _, topic := range m.row {
		items = append(items, m.has[topic]...)
	}
	return items
}

func (m *model) put(i item) (loss fair.Loss, err error) {
	if len(m.has[i.topic]) == 0 {
		m.row = append(m.row, i.topic)
	}
	m.has[i.topic] = append(m.has[i.topic], i)
	for all := m.all(); sum(all) > m.most && len(all) > 1; all = m.all() {
		longest := slices.MaxFunc(m.row, func(a, b string) int { return sum(m.has[a]) - sum(m.has[b]) })
		if 2*sum(m.has[i.topic]) > sum(m.has[longest]) {
			longest, err = i.topic, fair.ErrFull
		} else {
			loss.Items++
			loss.Topic = longest
		}
		m.has[longest] = m.has[longest][:len(m.has[longest])-1]
		m.clean()
		if err != nil {
			return loss, err
		}
	}
	return loss, nil
}

func (m *model) clean() {
	m.row = slices.DeleteFunc(m.row, func(topic string) bool { return len(m.has[topic]) == 0 })
}

func (m *model) take() (i item) {
	topic := m.row[0]
	m.row = append(m.row[1:], topic)
	i, m.has[topic] = m.has[topic][0], m.has[topic][1:]
	m.clean()
	return i
}

// Whatever is put in and taken out, the queue does what the model does.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		most := 1<<20 + random.IntN(100<<20)
		q, m := fair.New[item](most), &model{most: most, has: map[string][]item{}}
		topics, balance := 1+random.IntN(20), 1+random.IntN(4)
		for n := range 2000 {
			if random.IntN(5) >= balance && len(m.row) > 0 {
				<-q.Ready()
				some, open := q.Take(make([]item, 0, 1))
				if want := m.take(); !slices.Equal(some, []item{want}) || !open {
					t.Fatalf("seed %d: got %v, want %v", seed, some, want)
				}
				continue
			}
			topic := string(rune('a' + random.IntN(1+random.IntN(topics))))
			size := random.IntN(1 + random.IntN(10<<20)) // so that no two lines are as long
			i := item{topic, n, size + len(topic) + fair.Overhead}
			loss, err := q.Put(topic, i, size)
			wantLoss, wantErr := m.put(i)
			if err != wantErr || loss != wantLoss {
				t.Fatalf("seed %d: got %v and %v, want %v and %v", seed, loss, err, wantLoss, wantErr)
			}
		}
	}
}

// A topic that has less than its share loses nothing, whatever the others do, and comes to its turn behind one item of each.
func TestFlood(t *testing.T) {
	const floods, room = 5, 1000
	q := fair.New[string](room * each)
	for i := range 100_000 {
		_, _ = q.Put(string(rune('A'+i%floods)), "flood", 0)
		if i%100 == 0 {
			if _, err := q.Put("quiet", fmt.Sprint(i/100), 0); err != nil {
				t.Fatalf("item %d of a quiet topic has no room", i/100)
			}
		}
		if i%100 < floods+2 { // just often enough for the quiet topic to have its turn
			<-q.Ready()
			_, _ = q.Take(make([]string, 0, 1))
		}
	}
}

// What is put in from many goroutines comes out once, in the order of each, while others take it.
func TestConcurrent(t *testing.T) {
	const goroutines, items = 8, 5000
	q := fair.New[item](1 << 30)
	var putting sync.WaitGroup
	for g := range goroutines {
		putting.Go(func() {
			topic := fmt.Sprint(g % 3)
			for n := range items {
				if _, err := q.Put(topic, item{topic, g*items + n, 0}, n%100); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { putting.Wait(); q.End() }()
	var next [goroutines]int
	got := 0
	batch := make([]item, 0, 10)
	for open := true; open; {
		<-q.Ready()
		batch, open = q.Take(batch[:0])
		for _, i := range batch {
			g, n := i.number/items, i.number%items
			if n != next[g] {
				t.Fatalf("goroutine %d: got item %d, want %d", g, n, next[g])
			}
			next[g]++
			got++
		}
	}
	if got != goroutines*items {
		t.Errorf("got %d items, want %d", got, goroutines*items)
	}
}

// Neither an item nor the coming and going of a topic costs an allocation.
func TestAllocations(t *testing.T) {
	q := fair.New[string](1 << 20)
	batch := make([]string, 0, 1)
	round := func() {
		_, _ = q.Put("quiet", "x", 1)
		_, _ = q.Put("other", "x", 1)
		for range 2 {
			<-q.Ready()
			batch, _ = q.Take(batch[:0])
		}
	}
	round()
	if n := testing.AllocsPerRun(1000, round); n > 0 {
		t.Errorf("got %v allocations for two items, want none", n)
	}
}

func BenchmarkQueue(b *testing.B) {
	for _, topics := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprint(topics, " topics wait"), func(b *testing.B) {
			q := fair.New[int](1 << 30)
			names := make([]string, topics)
			for i := range names {
				names[i] = fmt.Sprint("topic.", i)
				_, _ = q.Put(names[i], i, i)
			}
			batch := make([]int, 0, 1)
			b.ReportAllocs()
			names = append(names, "another")
			for i := range b.N {
				_, _ = q.Put(names[i%len(names)], i, i%1000)
				<-q.Ready()
				batch, _ = q.Take(batch[:0])
			}
		})
	}
}
