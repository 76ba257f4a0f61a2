package clustertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// nodeSetup is what a node is told.
type nodeSetup struct {
	Name, Engine, URL string
}

// playNode is a node in a process of its own, until ctx is done.
func playNode(ctx context.Context, config string) error {
	var setup nodeSetup
	if err := json.Unmarshal([]byte(config), &setup); err != nil {
		return err
	}
	b, err := engineOf(setup.Engine).connect(setup.URL)
	if err != nil {
		return err
	}
	defer b.Close()
	return serveNode(ctx, setup.Name, b, options(b), func(line string) { fmt.Println(line) })
}

// What a node says of itself.
const (
	saysListening = "listening "     // and the address
	saysBack      = "broker is back" // OnBroker was called with nil
	saysAway      = "broker is away: "
)

// serveNode serves an App until ctx is done.
func serveNode(ctx context.Context, name string, b broker, o *wsgate.Options, say func(line string)) error {
	o.OnBroker = func(_ *wsgate.Hub, err error) {
		if err != nil {
			say(saysAway + strings.ReplaceAll(err.Error(), "\n", " "))
			return
		}
		say(saysBack)
	}
	app, err := newApp(name, b, o)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say(saysListening + ln.Addr().String())
	return app.Serve(ctx, ln)
}

// node is a node of a cluster, in this process or in another.
type node struct {
	name    string
	addr    string
	states  record[string] // saysBack and saysAway
	awaited int            // states that await has passed
	process *process       // nil for one in this process
	link    *proxy         // between the node and the engine, nil if there is none
	history *history
}

// hear takes what a node says.
func (n *node) hear(line string) {
	switch {
	case line == saysBack:
		n.history.back(n.name)
	case strings.HasPrefix(line, saysAway):
		n.history.away(n.name)
	default:
		return
	}
	n.states.add(line)
}

// startHere starts a node in this process. It ends with the test.
func startHere(t testing.TB, name string, b broker, h *history, change ...func(*wsgate.Options)) *node {
	t.Helper()
	o := options(b)
	for _, f := range change {
		f(o)
	}
	n := &node{name: name, history: h}
	addr := make(chan string, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- serveNode(ctx, name, b, o, func(line string) {
			if a, ok := strings.CutPrefix(line, saysListening); ok {
				addr <- a
			}
			n.hear(line)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	select {
	case n.addr = <-addr:
	case err := <-done:
		done <- nil
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// startProcess starts a node in a process of its own. It ends with the test.
func startProcess(t testing.TB, name string, s *server, link *proxy, h *history) *node {
	t.Helper()
	url := s.urlAt(s.addr)
	if link != nil {
		url = s.urlAt(link.addr)
	}
	n := &node{name: name, link: link, history: h}
	n.process = roleProcess(t, name, "node", nodeSetup{name, s.name, url})
	n.process.hear = n.hear
	_, n.addr, _ = strings.Cut(n.process.start(t, saysListening), saysListening)
	return n
}

// await waits until the node says, after what was waited for before, that its broker is back or away.
func (n *node) await(t testing.TB, state string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, i, err := n.states.find(ctx, n.awaited, func(line string) bool { return strings.HasPrefix(line, state) })
	if err != nil {
		t.Fatalf("%s: waiting for %q: %v", n.name, state, err)
	}
	n.awaited = i + 1
}

// get returns what the node answers over HTTP.
func (n *node) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get("http://" + n.addr + path)
	if err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// wantReady fails the test unless the node says so of itself, soon: when the engine is back, the node looks whether it
// keeps presence before it takes connections.
func (n *node) wantReady(t testing.TB, status int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		got, body := n.get(t, "/readyz")
		if got == status {
			return
		}
		select {
		case <-deadline:
			t.Errorf("%s: /readyz: got %d (%s), want %d", n.name, got, body, status)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (n *node) counters(t testing.TB) (c counters) {
	t.Helper()
	_, body := n.get(t, "/counters")
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatalf("%s: %q: %v", n.name, body, err)
	}
	return c
}

// cluster is a server and the nodes that it connects.
type cluster struct {
	server  *server
	history *history

	mu    sync.Mutex // held when nodes changes, and while others than the test look at it
	nodes []*node
}

func (c *cluster) add(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, n)
}

// startCluster starts nodes, each in a process of its own, and waits until their brokers are there.
func startCluster(t testing.TB, s *server, count int) *cluster {
	t.Helper()
	c := &cluster{server: s, history: newHistory()}
	for i := range count {
		c.add(startProcess(t, nodeName(i), s, nil, c.history))
	}
	c.awaitBack(t)
	return c
}

// startClusterHere is startCluster in this process.
func startClusterHere(t testing.TB, s *server, count int) *cluster {
	t.Helper()
	c := &cluster{server: s, history: newHistory()}
	for i := range count {
		c.add(startHere(t, nodeName(i), s.connect(t), c.history))
	}
	c.awaitBack(t)
	return c
}

func nodeName(i int) string { return fmt.Sprintf("node%d", i) }

func (c *cluster) awaitBack(t testing.TB) {
	t.Helper()
	for _, n := range c.nodes {
		n.await(t, saysBack)
	}
}

// timed returns how long it takes.
func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}
