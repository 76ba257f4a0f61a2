package clustertest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/wsgate/wsgate/wstest"
)

// How much TestMeasure measures of each.
const (
	samples    = 2000            // of a time
	freshRooms = 500             // that are joined
	fanOutFor  = 5 * time.Second // with members on one node, and again on three
	members    = 600
	lineSize   = 128 // bytes of a message as members get it
)

// TestMeasure measures a cluster of processes beside the engine alone, on one machine, and prints a table. Times are those
// of clients in this process:
//
//   - line, other node: from writing a line to node 0 until a client of node 1 has it
//   - line, same node: the same with a client of node 0, which no engine has to do with
//   - engine: from publishing the same bytes with the engine's own client until another client of the same process has
//     them; the three are measured in turn
//   - emit, other node: the same in one process, from Emit on one App until a client of the other, over a pipe, has it;
//     unlike the first it has no more ways over a network in it than the engine has by itself
//   - fan-out: lines of one speaker to all members of one room, which are on one node or a third on each of three; a few
//     lines are on their way at a time
//   - join, fresh room: until it is answered, and join, known room: the same where another member is on the node, so that
//     the difference is what the engine costs; a round trip is the engine's own PING.
func TestMeasure(t *testing.T) {
	if !*measureFlag {
		t.Skip("measuring takes a minute: go test -run TestMeasure -measure")
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer out.Flush()
	fmt.Fprintln(out, "engine\twhat\tp50\tp99\t")
	for _, e := range engines {
		if e.scheme == "" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			report := func(what string, times []time.Duration) {
				p50, p99 := percentiles(times)
				fmt.Fprintf(out, "%s\t%s\t%v\t%v\t\n", e.name, what, p50, p99)
			}
			measureLatency(t, e, report)
			measureEmit(t, e, report)
			measureJoin(t, e, report)
			for _, nodes := range []int{1, 3} {
				rate := measureFanOut(t, e, nodes)
				where := fmt.Sprintf("%d node(s)", nodes)
				fmt.Fprintf(out, "%s\tfan-out, %d members on %s, %d B\t%.0f lines/s\t%.0f deliveries/s\t\n", e.name, members, where, lineSize, rate, rate*members)
			}
		})
	}
}

func percentiles(times []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(times)
	return times[len(times)/2].Round(time.Microsecond), times[len(times)*99/100].Round(time.Microsecond)
}

// newcomer connects a client that is nobody's.
func newcomer(t *testing.T, n *node, hear func(line)) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := dial(ctx, n, "newcomer", "", hear)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.broken)
	return c
}

func (c *client) mustAsk(t *testing.T, event string, payload any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.ask(ctx, event, payload, nil); err != nil {
		t.Fatal(err)
	}
}

// measuredLine is a line that is a message of lineSize bytes.
func measuredLine(seq int) line {
	const frame = `{"type":"heard","data":{"room":"red","from":"speaker","seq":1000000,"padding":""}}`
	return line{Room: "red", From: "speaker", Seq: 1000000 + seq, Padding: strings.Repeat("x", lineSize-len(frame))}
}

func measureLatency(t *testing.T, e *engine, report func(string, []time.Duration)) {
	s := e.start(t)
	c := startCluster(t, s, 2)
	here, there := make(chan struct{}, 1), make(chan struct{}, 1)
	speaker := newcomer(t, c.nodes[0], func(line) {})
	newcomer(t, c.nodes[0], func(line) { here <- struct{}{} }).mustAsk(t, string(join), "red")
	newcomer(t, c.nodes[1], func(line) { there <- struct{}{} }).mustAsk(t, string(join), "red")
	alone := newRaw(t, s)
	payload := []byte(strings.Repeat("x", lineSize))

	var other, same, raw []time.Duration
	for i := range samples {
		begun := time.Now()
		answer := speaker.start(context.Background(), string(say), measuredLine(i))
		<-here
		same = append(same, time.Since(begun))
		<-there
		other = append(other, time.Since(begun))
		if err := answerOf(context.Background(), answer, nil); err != nil {
			t.Fatal(err)
		}
		raw = append(raw, timed(func() {
			if err := alone.publish(payload); err != nil {
				t.Fatal(err)
			}
			<-alone.received
		}))
	}
	report("line, other node", other)
	report("line, same node", same)
	report("engine, publish to subscriber", raw)
}

func measureEmit(t *testing.T, e *engine, report func(string, []time.Duration)) {
	s := e.start(t)
	apps := startApps(t, s, 2)
	client := dialAll(apps)[1]
	wstest.Do(client, join, "red")
	room := apps[0].Hub().At("/").Room("red")
	alone := newRaw(t, s)
	payload := []byte(strings.Repeat("x", lineSize))
	var emitted, raw []time.Duration
	for i := range samples {
		emitted = append(emitted, timed(func() {
			if err := heard.Emit(room, measuredLine(i)); err != nil {
				t.Fatal(err)
			}
			wstest.Next(client, heard)
		}))
		raw = append(raw, timed(func() {
			if err := alone.publish(payload); err != nil {
				t.Fatal(err)
			}
			<-alone.received
		}))
	}
	emittedMedian, _ := percentiles(emitted)
	rawMedian, _ := percentiles(raw)
	report(fmt.Sprintf("emit, other node (%.2f x the engine)", float64(emittedMedian)/float64(rawMedian)), emitted)
	report("engine, beside that", raw)
}

func measureJoin(t *testing.T, e *engine, report func(string, []time.Duration)) {
	s := e.start(t)
	n := startCluster(t, s, 1).nodes[0]
	first, second := newcomer(t, n, func(line) {}), newcomer(t, n, func(line) {})
	alone := newRaw(t, s)
	var fresh, known, trips []time.Duration
	for i := range freshRooms {
		room := fmt.Sprint("room ", i)
		fresh = append(fresh, timed(func() { first.mustAsk(t, string(join), room) }))
		known = append(known, timed(func() { second.mustAsk(t, string(join), room) }))
		first.mustAsk(t, string(leave), room)
		second.mustAsk(t, string(leave), room)
		trips = append(trips, timed(func() {
			if err := alone.trip(); err != nil {
				t.Fatal(err)
			}
		}))
	}
	freshMedian, _ := percentiles(fresh)
	knownMedian, _ := percentiles(known)
	tripMedian, _ := percentiles(trips)
	report("join, fresh room", fresh)
	report("join, known room", known)
	report(fmt.Sprintf("engine, round trip (a fresh room costs %.1f)", float64(freshMedian-knownMedian)/float64(tripMedian)), trips)
}
