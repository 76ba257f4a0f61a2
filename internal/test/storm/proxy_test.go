//go:build unix

package storm

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// runProxy is the process of a TCP proxy: it passes each connection on to the next of the nodes that are ready, until
// its input ends.
func runProxy() error {
	var nodes []*backend
	for addr := range strings.SplitSeq(os.Getenv("STORM_NODES"), ",") {
		b := &backend{addr: addr}
		b.ready.Store(true)
		nodes = append(nodes, b)
		go b.poll()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() {
		for turn := 0; ; turn++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go pass(c.(*net.TCPConn), nodes, turn)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// backend is a node behind the proxy.
type backend struct {
	addr  string
	ready atomic.Bool
}

// poll looks whether the node is ready, as often as a quick load balancer.
func (b *backend) poll() {
	client := &http.Client{Timeout: time.Second}
	for range time.Tick(100 * time.Millisecond) {
		resp, err := client.Get("http://" + b.addr + "/ready")
		b.ready.Store(err == nil && resp.StatusCode == http.StatusOK)
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

// dial connects to a node: to the next that is ready, or else to any.
func dial(nodes []*backend, turn int) (*net.TCPConn, error) {
	for _, ready := range []bool{true, false} {
		for i := range nodes {
			b := nodes[(turn+i)%len(nodes)]
			if b.ready.Load() != ready {
				continue
			}
			if c, err := net.Dial("tcp", b.addr); err == nil {
				return c.(*net.TCPConn), nil
			}
		}
	}
	return nil, fmt.Errorf("no node of %d answers", len(nodes))
}

func pass(c *net.TCPConn, nodes []*backend, turn int) {
	defer c.Close()
	node, err := dial(nodes, turn)
	if err != nil {
		return
	}
	defer node.Close()
	var copying sync.WaitGroup
	copying.Go(func() { forward(node, c); _ = node.CloseWrite() })
	forward(c, node)
	_ = c.CloseWrite()
	copying.Wait()
}

// forward copies in user space: between two bare connections io.Copy uses splice(2), which has two more files for each.
func forward(to io.Writer, from io.Reader) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 2<<10))
}
