package clustertest

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/nats"
	"github.com/wsgate/wsgate/broker/redis"
	"github.com/wsgate/wsgate/internal/test/need"
	"github.com/wsgate/wsgate/wstest"
)

// broker is what package wsgate/broker/… has for an engine.
type broker interface {
	wsgate.Broker
	wsgate.PresenceStore
	Dropped() uint64
	Close() error
}

// engine is a kind of engine.
type engine struct {
	name string
	// scheme begins the URL of a server; "" is for the engine in memory, which has no servers.
	scheme string
	// notices is within what time a broker promises to know that nothing comes through any more.
	notices time.Duration
	// process returns a server that is to listen on the port, and says ready when it does.
	process func(t testing.TB, port string) *process
	ready   string
	connect func(url string) (broker, error)
}

var quiet = slog.New(slog.DiscardHandler)

var engines = []*engine{
	{name: "memory"},
	{
		name: "nats", scheme: "nats", notices: 9 * time.Second, process: natsProcess, ready: "ready",
		connect: func(url string) (broker, error) { return nats.New(url, &nats.Options{Logger: quiet}) },
	},
	{
		name: "redis", scheme: "redis", notices: 10 * time.Second, process: redisProcess, ready: "Ready to accept connections",
		connect: func(url string) (broker, error) { return redis.New(url, &redis.Options{Logger: quiet}) },
	},
}

func engineOf(name string) *engine {
	for _, e := range engines {
		if e.name == name {
			return e
		}
	}
	panic("no engine " + name)
}

// overEngines runs a test over every engine, several at the same time.
func overEngines(t *testing.T, test func(t *testing.T, s *server)) {
	runOver(t, engines, test)
}

// overServers runs a test over every engine that has servers.
func overServers(t *testing.T, test func(t *testing.T, s *server)) {
	runOver(t, slices.DeleteFunc(slices.Clone(engines), func(e *engine) bool { return e.scheme == "" }), test)
}

func runOver(t *testing.T, engines []*engine, test func(t *testing.T, s *server)) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			test(t, e.start(t))
		})
	}
}

// server is an engine that a test has for itself.
type server struct {
	*engine
	addr    string
	process *process
	memory  *wstest.Broker // in place of a process
}

// start returns when the server accepts connections. It ends with the test.
func (e *engine) start(t testing.TB) *server {
	t.Helper()
	if e.scheme == "" {
		return &server{engine: e, memory: new(wstest.Broker)}
	}
	for range 20 { // ports, of which another may be taken before the server has it
		port := freePort(t)
		s := &server{engine: e, addr: net.JoinHostPort("127.0.0.1", port), process: e.process(t, port)}
		_, err := s.process.tryStart(t, e.ready)
		if err == nil {
			return s
		}
		if !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s: found no free port", e.name)
	return nil
}

func (s *server) restart(t testing.TB) {
	t.Helper()
	s.process.start(t, s.ready)
}

// connect returns the broker of a node in this process. It is closed at the end of the test.
func (s *server) connect(t testing.TB) broker {
	t.Helper()
	if s.memory != nil {
		return memoryBroker{s.memory}
	}
	b, err := s.engine.connect(s.urlAt(s.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close of a broker: %v", err)
		}
	})
	return b
}

// urlAt is the server's URL for those who reach it at another address.
func (s *server) urlAt(addr string) string { return s.scheme + "://" + addr }

// memoryBroker is the engine in memory itself.
type memoryBroker struct{ *wstest.Broker }

func (memoryBroker) Dropped() uint64 { return 0 }
func (memoryBroker) Close() error    { return nil }

// freePort returns a port below those that systems give to clients, so that nobody takes it while the server is away.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		if ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("found no free port")
	return ""
}

// redisProcess returns a redis-server. What it had is gone when it is killed.
func redisProcess(t testing.TB, port string) *process {
	t.Helper()
	program, dir := need.Program(t, "redis-server"), t.TempDir()
	return &process{name: "redis", command: func() *exec.Cmd {
		return exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	}}
}

// natsSetup is what a process is told that plays a server of NATS.
type natsSetup struct {
	Port int
	Dir  string
}

func natsProcess(t testing.TB, port string) *process {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return roleProcess(t, "nats", "nats", natsSetup{number, t.TempDir()})
}

func (s *server) String() string { return fmt.Sprintf("%s at %s", s.name, s.addr) }
