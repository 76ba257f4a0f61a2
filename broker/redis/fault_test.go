package redis_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate/broker/redis"
)

func TestBlackHole(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	const commands, subscriptions = 1, 2 // the connections, in the order in which they are made
	for name, silent := range map[string][]int{"both": nil, "commands": {commands}, "subscriptions": {subscriptions}} {
		t.Run(name, func(t *testing.T) { testBlackHole(t, server, silent) })
	}
}

func testBlackHole(t *testing.T, server *process, silent []int) {
	proxy := startProxy(t, server.addr)
	b, other := connect(t, proxy.url(), nil, quick), connect(t, server.url(), nil, redis.Tuning{})
	state, otherState := watch(t, b), watch(t, other)
	state.up(t)
	otherState.up(t)
	here, there := subscribe(t, b, "topic"), subscribe(t, other, "topic")
	proxy.hold(silent...)
	state.down(t, "no answer")
	proxy.cut()
	proxy.release()
	state.up(t)
	publish(t, b, "topic", "through")
	expect(t, here, "through")
	expect(t, there, "through")
}

// TestIntoTheHole publishes to a server that does not answer.
func TestIntoTheHole(t *testing.T) {
	t.Parallel()
	const lost = 100
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	b := connect(t, proxy.url(), nil, quick)
	state := watch(t, b)
	state.up(t)
	r := subscribe(t, b, "topic")
	proxy.hold()
	for range lost {
		publish(t, b, "topic", "into the hole")
	}
	state.down(t, "no answer")
	if err := b.Publish("topic", []byte("too late")); err == nil {
		t.Error("Publish: got no error while the server is silent, want one")
	}
	eventually(t, "all that Publish took to be dropped", func() bool { return b.Dropped() == lost })
	proxy.cut()
	proxy.release()
	state.up(t)
	publish(t, b, "topic", "through")
	expect(t, r, "through")
}

// TestKilled ends connections on the server, of one kind or both.
func TestKilled(t *testing.T) {
	server := startServer(t)
	b, other := connect(t, server.url(), nil, calm), connect(t, server.url(), nil, calm)
	state, otherState := watch(t, b), watch(t, other)
	r, _ := subscribe(t, b, "topic"), subscribe(t, other, "topic")
	for _, kind := range []string{"pubsub", "normal"} {
		t.Run(kind, func(t *testing.T) {
			state.up(t)
			otherState.up(t)
			server.do(t, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
			state.down(t, server.addr)
			otherState.down(t, server.addr)
			state.up(t)
			otherState.up(t)
			publish(t, other, "topic", kind)
			expect(t, r, kind)
		})
	}
}

func TestPaused(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	b := connect(t, server.url(), nil, quick)
	state := watch(t, b)
	state.up(t)
	r := subscribe(t, b, "topic")
	server.do(t, "CLIENT", "PAUSE", "2500", "ALL")
	state.down(t, "")
	state.up(t)
	publish(t, b, "topic", "again")
	expect(t, r, "again")
}

func TestMaxClients(t *testing.T) {
	server := startServer(t)
	b := connect(t, server.url(), nil, hasty)
	state := watch(t, b)
	state.up(t)
	r := subscribe(t, b, "topic")
	admin := server.dial(t)
	defer admin.Close()
	admin.do(t, "CONFIG", "SET", "maxclients", "1")
	admin.do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	state.down(t, "max number of clients reached")
	admin.do(t, "CONFIG", "SET", "maxclients", "100")
	state.up(t)
	publish(t, b, "topic", "again")
	expect(t, r, "again")
}

func TestPassword(t *testing.T) {
	server := startServer(t, "--requirepass", "first")
	server.password = "first"
	urls := map[string]string{
		"none":       server.url(),
		"wrong":      "redis://:wrong@" + server.addr,
		"wrong user": "redis://nobody:first@" + server.addr,
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			b := connect(t, url, nil, hasty)
			state := watch(t, b)
			state.down(t, "user")
			if err := b.Publish("topic", nil); err == nil || strings.Contains(err.Error(), "wrong@") {
				t.Errorf("Publish: got %v, want an error without the password", err)
			}
		})
	}
	t.Run("changed", func(t *testing.T) {
		b := connect(t, "redis://:first@"+server.addr, nil, hasty)
		state := watch(t, b)
		state.up(t)
		r := subscribe(t, b, "topic")
		admin := server.dial(t)
		defer admin.Close()
		admin.do(t, "CONFIG", "SET", "requirepass", "second")
		admin.do(t, "CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
		state.down(t, "WRONGPASS")
		admin.do(t, "CONFIG", "SET", "requirepass", "first")
		state.up(t)
		publish(t, b, "topic", "again")
		expect(t, r, "again")
	})
}

func TestCredentials(t *testing.T) {
	server := startServer(t, "--requirepass", "first")
	server.password = "first"
	passwords := make(chan string, 1)
	passwords <- "first"
	b := connect(t, server.url(), &redis.Options{
		Credentials: func(context.Context) (string, string, error) {
			select {
			case password := <-passwords:
				return "", password, nil
			default:
				return "", "", errors.New("no password left")
			}
		},
	}, hasty)
	state := watch(t, b)
	state.up(t)
	admin := server.dial(t)
	defer admin.Close()
	admin.do(t, "CONFIG", "SET", "requirepass", "second")
	admin.do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	state.down(t, "Options.Credentials: no password left")
	passwords <- "second"
	state.up(t)
}

// TestStrangers connects to what is no Redis server, or says what none says.
func TestStrangers(t *testing.T) {
	t.Parallel()
	hello := "%3\r\n+mode\r\n+cluster\r\n+role\r\n+master\r\n+proto\r\n:3\r\n"
	answers := map[string]struct {
		greeting string
		answers  []string // to commands, then silence
		want     string
	}{
		"HTTP":    {"", []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, "unknown message type"},
		"closed":  {"-ERR go away\r\n", nil, "ERR go away"},
		"old":     {"", []string{"-ERR unknown command `HELLO`\r\n", "+OK\r\n", "-ERR unknown command\r\n"}, "unknown command"},
		"slots":   {"", []string{hello, "-ERR\r\n", "-ERR\r\n", hello, "+OK\r\n"}, "CLUSTER SLOTS"},
		"columns": {"", []string{hello, "-ERR\r\n", "-ERR\r\n", hello, "*1\r\n*2\r\n:0\r\n:1\r\n"}, "have 2 columns"},
		"words":   {"", []string{hello, "-ERR\r\n", "-ERR\r\n", hello, "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n"}, "have 0 words"},
		"slot out of range": {"", []string{
			hello, "-ERR\r\n", "-ERR\r\n", hello, "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+localhost\r\n:1\r\n",
		}, "have slots 0 to 16384"},
	}
	for name, test := range answers {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var serving sync.WaitGroup
			t.Cleanup(serving.Wait)
			t.Cleanup(func() { l.Close() })
			serving.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					serving.Go(func() { answer(c, test.greeting, test.answers) })
				}
			})
			b := connect(t, "redis://"+l.Addr().String(), &redis.Options{Cluster: true}, quick)
			watch(t, b).down(t, test.want)
		})
	}
}

// answer answers one command after the other, whatever they are.
func answer(c net.Conn, greeting string, answers []string) {
	defer c.Close()
	if _, err := io.WriteString(c, greeting); err != nil || greeting != "" {
		return
	}
	r := bufio.NewReader(c)
	for {
		var words int
		if _, err := fmt.Fscanf(r, "*%d\r\n", &words); err != nil {
			return
		}
		for range words {
			var size int
			if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
				return
			}
			if _, err := r.Discard(size + len("\r\n")); err != nil {
				return
			}
		}
		if len(answers) == 0 {
			continue
		}
		if _, err := io.WriteString(c, answers[0]); err != nil {
			return
		}
		answers = answers[1:]
	}
}
