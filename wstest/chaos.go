package wstest

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/memory"
)

// StopReading makes the client stop reading from its connection, like a page whose tab sleeps or a phone without a
// network. There is no buffer in between, so the client is slow as soon as the App sends something.
func (c *Client) StopReading() { c.wire.pause(true) }

// Resume ends [Client.StopReading].
func (c *Client) Resume() { c.wire.pause(false) }

// Delay delays everything that the client sends and receives from now on by d, like a slow link.
func (c *Client) Delay(d time.Duration) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.wire.delay = d
}

// SplitWrites makes what the client sends from now on arrive in pieces of n bytes, wherever that cuts a frame. 0 ends
// it.
func (c *Client) SplitWrites(n int) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.wire.split = n
}

// Reset breaks the connection, as a client's crash does.
func (c *Client) Reset() {
	c.wire.Conn.Reset()
	_ = c.waitEnd()
}

// CloseWrite ends the client's side of the stream without a closing handshake. The client goes on reading.
func (c *Client) CloseWrite() { c.wire.Conn.CloseWrite() }

// SendBytes writes bytes to the connection as they are, to send what no proper client would.
func (c *Client) SendBytes(b []byte) {
	c.t.Helper()
	if _, err := c.wire.Write(b); err != nil {
		c.t.Fatalf("wstest: %s: sending: %v", c.name, err)
	}
}

// wire is the client's end of the connection, with its simulated faults.
type wire struct {
	memory.Conn

	mu     sync.Mutex    // guards following
	paused chan struct{} // closed when reading may continue; nil while not paused
	delay  time.Duration
	split  int

	closed    chan struct{}
	closeOnce sync.Once
}

func newWire() *wire { return &wire{closed: make(chan struct{})} }

// attach wraps the connection.
func (w *wire) attach(conn memory.Conn) memory.Conn {
	w.Conn = conn
	return w
}

func (w *wire) pause(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case on && w.paused == nil:
		w.paused = make(chan struct{})
		w.Conn.SetReadDeadline(time.Unix(1, 0)) // interrupts a blocked Read
	case !on && w.paused != nil:
		w.Conn.SetReadDeadline(time.Time{})
		close(w.paused)
		w.paused = nil
	}
}

func (w *wire) faults() (paused chan struct{}, delay time.Duration, split int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused, w.delay, w.split
}

// sleep reports false if the connection was closed meanwhile.
func (w *wire) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.closed:
		return false
	}
}

// Read reads from the connection while it is not paused.
func (w *wire) Read(p []byte) (int, error) {
	for {
		paused, _, _ := w.faults()
		if paused != nil {
			select {
			case <-paused:
			case <-w.closed:
				return 0, io.ErrClosedPipe
			}
		}
		n, err := w.Conn.Read(p)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue // only pausing sets a deadline
		}
		if _, delay, _ := w.faults(); err == nil && !w.sleep(delay) {
			return 0, io.ErrClosedPipe
		}
		return n, err
	}
}

func (w *wire) Write(p []byte) (n int, err error) {
	_, delay, split := w.faults()
	if !w.sleep(delay) {
		return 0, io.ErrClosedPipe
	}
	for split > 0 && len(p)-n > split {
		m, err := w.Conn.Write(p[n : n+split])
		if n += m; err != nil {
			return n, err
		}
	}
	m, err := w.Conn.Write(p[n:])
	return n + m, err
}

func (w *wire) Close() error {
	w.closeOnce.Do(func() { close(w.closed) })
	return w.Conn.Close()
}
