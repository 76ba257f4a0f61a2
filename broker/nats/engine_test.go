package nats_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"

	"github.com/wsgate/wsgate/broker/nats"
)

const patience = 30 * time.Second

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// engine is a server of NATS, which can be stopped and started again at the same address, empty.
type engine struct {
	opts *server.Options
	dir  string // has a directory for each start
	*server.Server
}

// newEngine starts a server with JetStream; set may change its options.
func newEngine(t testing.TB, set func(*server.Options)) *engine {
	t.Helper()
	e := &engine{dir: t.TempDir(), opts: &server.Options{
		Host: "127.0.0.1", Port: freePort(t), NoLog: true, NoSigs: true, JetStream: true,
	}}
	if set != nil {
		set(e.opts)
	}
	e.start(t)
	t.Cleanup(e.stop)
	return e
}

// newTLSEngine starts a server with TLS, and returns what a client needs to trust it.
func newTLSEngine(t testing.TB) (*engine, natsgo.Option) {
	t.Helper()
	h := httptest.NewTLSServer(nil) // which has a certificate
	defer h.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(h.Certificate())
	e := newEngine(t, func(o *server.Options) { o.TLSConfig = &tls.Config{Certificates: h.TLS.Certificates} })
	return e, natsgo.Secure(&tls.Config{RootCAs: trusted})
}

// freePort returns one that the system gives to nobody by itself: somebody who dials an address without a listener may
// get the same port at his own end, be connected to himself, and take it away from the server.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("got no free port in 100 tries, want one")
	return 0
}

func (e *engine) start(t testing.TB) {
	t.Helper()
	dir, err := os.MkdirTemp(e.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	e.opts.StoreDir = dir
	s, err := server.NewServer(e.opts.Clone())
	if err != nil {
		t.Fatal(err)
	}
	e.Server = s
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatalf("the server: got no sign of life for %v, want one", patience)
	}
}

func (e *engine) stop() {
	e.Shutdown()
	e.WaitForShutdown()
}

func (e *engine) url() string { return fmt.Sprint("nats://127.0.0.1:", e.opts.Port) }

// states are what a watcher is told.
type states chan error

// watch watches a broker until the test ends.
func watch(t testing.TB, b *nats.Broker) states {
	s := make(states, 1000)
	t.Cleanup(b.Watch(func(err error) { s <- err }))
	return s
}

// until waits for a state, and returns it.
func (s states) until(t testing.TB, what string, is func(error) bool) error {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	var last error
	for {
		select {
		case last = <-s:
			if is(last) {
				return last
			}
		case <-late.C:
			t.Fatalf("Watch: got %v for %v, want %s", last, patience, what)
		}
	}
}

func (s states) up(t testing.TB) {
	t.Helper()
	s.until(t, "nil", func(err error) bool { return err == nil })
}

func (s states) down(t testing.TB) error {
	t.Helper()
	return s.until(t, "an error", func(err error) bool { return err != nil })
}

// says waits for an error with the text.
func (s states) says(t testing.TB, text string) {
	t.Helper()
	s.until(t, fmt.Sprintf("an error with %q", text), func(err error) bool {
		return err != nil && strings.Contains(err.Error(), text)
	})
}

// node returns a broker that has reached the server.
func node(t testing.TB, url string, conn ...natsgo.Option) *nats.Broker {
	t.Helper()
	b := connect(t, url, conn...)
	watch(t, b).up(t)
	return b
}

// subscribe returns a channel of what is published to the topic.
func subscribe(t testing.TB, b *nats.Broker, topic string) (messages <-chan string, unsubscribe func()) {
	t.Helper()
	c := make(chan string, 10000)
	unsubscribe, err := b.Subscribe(t.Context(), topic, func(m []byte) { c <- string(m) })
	if err != nil {
		t.Fatal(err)
	}
	return c, unsubscribe
}

func publish(t testing.TB, b *nats.Broker, topic, message string) {
	t.Helper()
	if err := b.Publish(topic, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

// expect waits for the next message, which has to be this one.
func expect(t testing.TB, messages <-chan string, want string) {
	t.Helper()
	if got := await(t, messages); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// expectError wants an error with all of the texts.
func expectError(t testing.TB, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got the error %v, want one with %q", err, text)
		}
	}
}

// connect makes a broker, which need not reach the engine yet.
func connect(t testing.TB, url string, conn ...natsgo.Option) *nats.Broker {
	t.Helper()
	b, err := nats.New(url, &nats.Options{Conn: conn, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// newCluster starts servers that know each other.
func newCluster(t testing.TB, n int) []*engine {
	t.Helper()
	seed := freePort(t)
	engines := make([]*engine, n)
	for i := range engines {
		engines[i] = newEngine(t, func(o *server.Options) {
			o.JetStream = false
			o.ServerName = fmt.Sprint("server-", i)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: seed}
			if i > 0 {
				o.Cluster.Port = freePort(t)
				o.Routes = server.RoutesFromStr(fmt.Sprint("nats://127.0.0.1:", seed))
			}
		})
	}
	return engines
}

// until repeats f until the message arrives: servers of a cluster tell each other of subscriptions in the background.
func until(t testing.TB, messages <-chan string, message string, f func()) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		f()
		select {
		case got := <-messages:
			if got != message {
				t.Fatalf("got %q, want %q", got, message)
			}
			return
		case <-again.C:
		case <-late.C:
			t.Fatalf("got nothing for %v, want %q", patience, message)
		}
	}
}

// await returns the next message.
func await(t testing.TB, messages <-chan string) string {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case m := <-messages:
		return m
	case <-late.C:
		t.Fatalf("got nothing for %v, want a message", patience)
		return ""
	}
}

// eventually waits until f reports true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !f() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("got no end of waiting for %v, want %s", patience, what)
		}
	}
}
