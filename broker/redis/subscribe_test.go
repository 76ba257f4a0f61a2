package redis_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate/broker/redis"
)

// TestRefused has a server refuse some of the topics, which may not do harm to the others.
func TestRefused(t *testing.T) {
	server := startServer(t)
	server.do(t, "ACL", "SETUSER", "app", "on", ">secret", "+@all", "~*", "resetchannels", "&wsgate:allowed.*")
	proxy := startProxy(t, server.addr)
	b := connect(t, "redis://app:secret@"+proxy.addr, nil, calm)
	state := watch(t, b)
	state.up(t)
	proxy.hold() // so that all topics come together
	var running sync.WaitGroup
	received := newRecord[string]("all topics")
	for i := range 40 {
		topic, allowed := fmt.Sprint("allowed.", i), i%10 > 0
		if !allowed {
			topic = fmt.Sprint("forbidden.", i)
		}
		running.Go(func() {
			_, err := b.Subscribe(context.Background(), topic, func([]byte) { received.add(topic) })
			if allowed && err != nil {
				t.Errorf("Subscribe(%s): got %v, want no error", topic, err)
			}
			if !allowed && (err == nil || !strings.Contains(err.Error(), "NOPERM")) {
				t.Errorf("Subscribe(%s): got %v, want an error with NOPERM", topic, err)
			}
		})
	}
	proxy.release()
	running.Wait()
	for i := range 40 {
		server.do(t, "PUBLISH", fmt.Sprint("wsgate:allowed.", i), "")
	}
	received.wait(t, "36 messages", func(topics []string) bool { return len(topics) == 36 })
	if told := state.now(); len(told) > 1 {
		t.Errorf("the watcher: got %v, want no more than nil, since every subscription that there is has been made", told)
	}
}

// TestRightsTaken takes the right to the channels away for a while.
func TestRightsTaken(t *testing.T) {
	server := startServer(t)
	server.do(t, "ACL", "SETUSER", "app", "on", ">secret", "+@all", "~*", "resetchannels", "&wsgate:*")
	b := connect(t, "redis://app:secret@"+server.addr, nil, hasty)
	state := watch(t, b)
	state.up(t)
	first, second := subscribe(t, b, "first"), subscribe(t, b, "second")
	server.do(t, "ACL", "SETUSER", "app", "resetchannels", "&wsgate:first") // ends the connection
	state.down(t, "NOPERM")
	server.do(t, "PUBLISH", "wsgate:first", "only")
	expect(t, first, "only")
	refused := server.stat(t, "subscribe", "rejected_calls=")
	eventually(t, "some more attempts", func() bool { return server.stat(t, "subscribe", "rejected_calls=") > refused+2 })
	server.do(t, "ACL", "SETUSER", "app", "&wsgate:*")
	state.up(t)
	publish(t, b, "second", "again")
	expect(t, second, "again")
}

// calls returns how often the server has run a command.
func (p *process) calls(t testing.TB, command string) int { return p.stat(t, command, "calls=") }

// stat returns one of the numbers that the server has for a command.
func (p *process) stat(t testing.TB, command, name string) int {
	t.Helper()
	_, rest, _ := strings.Cut(p.do(t, "INFO", "commandstats"), "cmdstat_"+command+":")
	line, _, _ := strings.Cut(rest, "\r\n")
	_, rest, _ = strings.Cut(line, name)
	number, _, _ := strings.Cut(rest, ",")
	if number == "" {
		return 0
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTogether has many goroutines subscribe and unsubscribe at once.
func TestTogether(t *testing.T) {
	const topics = 1000
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	b := connect(t, proxy.url(), nil, calm)
	state := watch(t, b)
	state.up(t)
	proxy.hold()
	var asking, running sync.WaitGroup
	ends := make([]func(), topics)
	for i := range topics {
		asking.Add(1)
		running.Go(func() {
			ctx := &firstDone{Context: context.Background(), asked: sync.OnceFunc(asking.Done)}
			end, err := b.Subscribe(ctx, fmt.Sprint("topic.", i), func([]byte) {})
			if err != nil {
				t.Error(err)
			}
			ends[i] = end
		})
	}
	asking.Wait()
	proxy.release()
	running.Wait()
	if n := server.calls(t, "subscribe"); n > 4 {
		t.Errorf("got %d SUBSCRIBE commands for %d topics, want at most one of 500 after the first", n, topics)
	}
	proxy.hold()
	for _, end := range ends {
		end()
	}
	proxy.release()
	eventually(t, "no channels", func() bool { return server.do(t, "PUBSUB", "CHANNELS") == "0" })
	if n := server.calls(t, "unsubscribe"); n > 4 {
		t.Errorf("got %d UNSUBSCRIBE commands for %d topics, want at most one of 500 after the first", n, topics)
	}
}

// firstDone is a context that tells when somebody begins to wait for its end.
type firstDone struct {
	context.Context
	asked func()
}

func (c *firstDone) Done() <-chan struct{} {
	c.asked()
	return c.Context.Done()
}

// TestManyAgain has many subscriptions made again.
func TestManyAgain(t *testing.T) {
	const topics = 10_000
	server := startServer(t)
	b := connect(t, server.url(), nil, redis.Tuning{})
	state := watch(t, b)
	state.up(t)
	received := newRecord[string]("all topics")
	next := make(chan string)
	var running sync.WaitGroup
	for range 100 {
		running.Go(func() {
			for topic := range next {
				if _, err := b.Subscribe(context.Background(), topic, func([]byte) { received.add(topic) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range topics {
		next <- fmt.Sprint("topic.", i)
	}
	close(next)
	running.Wait()
	server.do(t, "CONFIG", "RESETSTAT")
	server.do(t, "CLIENT", "KILL", "TYPE", "pubsub")
	state.down(t, server.addr)
	state.up(t)
	if n := server.calls(t, "subscribe"); n != topics/500 {
		t.Errorf("got %d SUBSCRIBE commands for %d topics, want one for 500", n, topics)
	}
	for i := range topics {
		publish(t, b, fmt.Sprint("topic.", i), "")
	}
	received.wait(t, "a message of each topic", func(got []string) bool { return len(got) == topics })
	if n := b.Dropped(); n > 0 {
		t.Errorf("Dropped: got %d, want 0", n)
	}
}

func TestSubscribedTwice(t *testing.T) {
	server := startServer(t)
	b := connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	r := subscribe(t, b, "topic")
	_, err := b.Subscribe(context.Background(), "topic", func([]byte) { t.Error("got a message that belongs to another") })
	if err == nil || !strings.Contains(err.Error(), "want it unsubscribed") {
		t.Errorf("Subscribe, twice: got %v, want an error", err)
	}
	publish(t, b, "topic", "m")
	expect(t, r, "m")
}
