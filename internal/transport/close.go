package transport

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

// Close starts the closing handshake. Queued frames are written first, then the close frame; the peer then has
// [Limits].Close to answer. The reader's Read fails when the handshake is over. End returns cause, which is nil for a
// normal closure. Only the first call has an effect.
func (c *Conn) Close(code websocket.StatusCode, reason string, cause error) {
	c.beginClosing(frame.Close(code, reason), cause, c.limits.Write)
}

// Abort closes without waiting for the peer. A close frame is sent only if the socket accepts it at once.
func (c *Conn) Abort(code websocket.StatusCode, reason string, cause error) {
	c.Close(code, reason, cause)
	c.kill(cause)
}

// Cut closes the socket at once. The cause is the one already set, or the one that the reader finds.
func (c *Conn) Cut() {
	c.kill(errUndecided)
}

// closeFor queues a close frame caused by input: the reply to the peer's close frame, or the report of a violation.
func (c *Conn) closeFor(f frame.Frame) {
	if reason := f[min(4, len(f)):]; !utf8.Valid(reason) {
		f = frame.Close(badReason.code, badReason.reason)
	}
	c.beginClosing(f, errUndecided, c.limits.Close)
}

var badReason = violation{websocket.StatusInvalidFramePayloadData, "close reason is not UTF-8", ErrProtocol}

// errUndecided is a placeholder for the cause of a closure that input led to. The reader's error replaces it.
var errUndecided = errors.New("wsgate: closing")

func (c *Conn) beginClosing(f frame.Frame, cause error, within time.Duration) {
	c.out.mu.Lock()
	if c.out.closing || c.out.dead {
		c.out.mu.Unlock()
		return
	}
	idle := len(c.out.frames) == 0 && !c.out.writing
	c.startClosing(f, cause)
	if !idle {
		c.bound(within)
	}
	c.out.mu.Unlock()
	c.tell()
	c.flushAll()
	if idle {
		c.boundRest(within)
	}
}

// boundRest bounds the time to write what is left in the queue. Most of the time that is nothing, and a timer is a part
// of what a short connection costs.
func (c *Conn) boundRest(within time.Duration) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if len(c.out.frames) > 0 {
		c.bound(within)
	}
}

// startClosing queues the close frame as the last frame. The caller holds the lock, bounds the time to write the queue,
// and calls tell after releasing the lock.
func (c *Conn) startClosing(f frame.Frame, cause error) {
	o := &c.out
	c.put(frame.Shared{Frame: f})
	o.closing, o.untold = true, true
	o.code, o.cause = codeOf(f), cause
	o.endFlushes(func(f *flush) bool { return f.toSend }, nil)
}

// tell completes startClosing: it cancels the context and removes dropped frames from the backlog.
func (c *Conn) tell() {
	o := &c.out
	o.mu.Lock()
	closing, cause := o.closing || o.dead, o.cause
	var dropped []frame.Shared
	if o.wait != nil {
		dropped, o.wait.dropped = o.wait.dropped, nil
	}
	o.untold = false
	o.mu.Unlock()
	c.engine.backlog.letGo(dropped)
	if closing {
		c.cancel(cause)
	}
}

// kill closes the raw connection and drops the queue. The caller holds no lock.
func (c *Conn) kill(cause error) {
	o := &c.out
	o.mu.Lock()
	if o.dead {
		o.mu.Unlock()
		return
	}
	if !o.closing || o.cause == errUndecided {
		o.cause = cause
	}
	o.dead = true
	o.wait.stop()
	dropped := c.drop(0)
	if o.charged {
		c.uncharge()
	}
	o.offset, o.taken = 0, 0
	o.tellFlushes()
	c.writers.Add(1) // as in flush
	parked := c.unpark()
	c.engine.lot.leave(c)
	o.mu.Unlock()
	c.engine.backlog.letGo(dropped)
	c.tell()
	c.closeRaw()
	if parked {
		go c.owner.Resume() // the reader finds that the connection is closed
	}
}

// closeRaw closes the raw connection. A foreign implementation may block in Close, so that one is closed on a goroutine
// that only End waits for.
func (c *Conn) closeRaw() {
	raw := c.raw
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn() // tls.Conn.Close may wait for a writer
	}
	if isSocket(raw) {
		raw.Close()
		c.writers.Done()
		return
	}
	go func() {
		defer c.writers.Done()
		raw.Close()
	}()
}

// closing reports whether the closing handshake has begun.
func (c *Conn) closing() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.closing || c.out.dead
}

// End is called once by the reader, with the error that Read returned. It sends a close frame where the protocol
// requires one, closes the raw connection, waits for every goroutine of this connection, and returns the cause: nil for
// a normal closure.
func (c *Conn) End(err error) (cause error) {
	c.cycle.handled(c)
	c.cycle.end(c)
	v := c.judge(err)
	if v.code != 0 {
		c.Close(v.code, v.reason, v.cause)
	}
	c.out.mu.Lock()
	c.out.byPeer = v.byPeer && c.out.cause == errUndecided
	c.out.mu.Unlock()
	if !v.gone {
		c.drainAndLinger()
	}
	c.kill(v.cause)
	c.writers.Wait()
	c.engine.wheel.Remove(&c.heartbeat.entry)
	c.engine.awake.remove(c)
	c.dropParser()
	c.dropInput()
	c.counters.end(c)

	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.cause == errUndecided {
		return v.cause
	}
	return c.out.cause
}

// drainAndLinger writes the queue within [Limits].Close, and then discards input so that the peer receives the close
// frame.
func (c *Conn) drainAndLinger() {
	c.flushAll()
	over := c.in.meter.closed && c.in.empty() // the peer's close frame was the end of its input
	c.out.mu.Lock()
	f := c.out.awaitWritten(c.out.queued)
	if f == nil && over {
		c.out.mu.Unlock()
		return
	}
	c.bound(c.limits.Close)
	c.out.mu.Unlock()
	c.in.lead.giveUp()
	if f != nil {
		<-f.done
	}
	if over {
		return
	}
	// Closing a socket with unread input resets it, and a reset overtakes the close frame.
	raw := c.raw
	if t, ok := raw.(*tls.Conn); ok {
		t.CloseWrite()
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		t.CloseWrite()
	}
	if _, ok := raw.LocalAddr().(*net.TCPAddr); ok { // also if the listener has wrapped it
		c.discard()
	}
}

// maxDiscard bounds what is read and thrown away before the socket closes, and lingerFor the wait for more of it between
// two messages. Within a message the time for the closing handshake is the bound, which drainAndLinger has set.
const (
	maxDiscard = 64 << 20
	lingerFor  = 20 * time.Millisecond
)

// discard throws away what arrives, until the peer closes its side or the bounds above are reached. Many clients read
// nothing, and so do not see the close frame, before they have sent all of a message.
func (c *Conn) discard() {
	m := &c.in.meter
	buf := inputPool.Get().(*[inputSize]byte)
	defer inputPool.Put(buf)
	for n := 0; n < maxDiscard; {
		wait := lingerFor
		if m.inMessage() && !m.closed {
			wait = c.limits.Close
		}
		c.raw.SetReadDeadline(time.Now().Add(wait))
		k, err := c.raw.Read(buf[:])
		if err != nil {
			return
		}
		m.follow(buf[:k])
		n += k
		runtime.Gosched() // as in await
	}
}

// CloseCode returns the code of the close frame that the server has sent, or would have sent if the connection had not
// been lost before; 1006 if there was no reason to send one.
func (c *Conn) CloseCode() websocket.StatusCode {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !c.out.closing {
		return websocket.StatusAbnormalClosure
	}
	return websocket.StatusCode(c.out.code)
}

// ClosedByPeer reports, after End, whether the peer's close frame was the first.
func (c *Conn) ClosedByPeer() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.byPeer
}

// codeOf returns the code of a close frame.
func codeOf(f frame.Frame) uint16 {
	if len(f) < 4 {
		return uint16(websocket.StatusNoStatusRcvd)
	}
	return binary.BigEndian.Uint16(f[2:])
}

// verdict classifies an error of the reader.
type verdict struct {
	violation
	gone   bool // the peer cannot receive a close frame
	byPeer bool // it has closed the connection
}

// judge maps the reader's error to a close code, a reason and a cause. No other code does.
func (c *Conn) judge(err error) verdict {
	peer, closed := errors.AsType[websocket.CloseError](err)
	arrived := c.in.err
	v, violated := errors.AsType[*violation](err)
	if !violated {
		v, violated = errors.AsType[*violation](arrived)
	}
	switch {
	case closed && !utf8.ValidString(peer.Reason):
		return verdict{violation: badReason}
	case closed:
		return verdict{violation: violation{cause: peerClosed(peer)}, byPeer: true}
	case violated:
		return verdict{violation: *v}
	case errors.Is(err, websocket.ErrMessageTooBig):
		return verdict{violation: *tooLong(c.limits)}
	case errors.Is(arrived, os.ErrDeadlineExceeded):
		return verdict{violation: violation{websocket.StatusTryAgainLater, "message took too long", fmt.Errorf("%w: a message took more than %v to arrive", ErrLimit, c.limits.Assembly)}}
	case arrived != nil:
		return verdict{violation: violation{cause: lost(arrived)}, gone: true}
	}
	return verdict{violation: violation{websocket.StatusProtocolError, "protocol violation", fmt.Errorf("%w: %w", ErrProtocol, err)}}
}

// peerClosed returns nil for the codes of a normal closure.
func peerClosed(e websocket.CloseError) error {
	switch e.Code {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return nil
	}
	return e
}

// lost wraps err as the loss of the connection without a close frame.
func lost(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("wsgate: connection lost: %w", err)
}

// Cancel ends the connection's context without closing it.
func (c *Conn) Cancel(cause error) { c.cancel(cause) }
