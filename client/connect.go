package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// run serves a connection, nil for none, and connects again and again, until the client is closed, has to stay away, or
// has moved to another connection.
func (c *Client) run(l *link) {
	var wait backoff
	for {
		var lasted time.Duration
		var err error
		if l == nil {
			l, err = c.dial()
		}
		if l != nil {
			began := time.Now()
			err = l.serve()
			lasted = time.Since(began)
			if l.hasMoved(err) {
				return // another goroutine runs what comes next
			}
		}
		if c.ctx.Err() != nil {
			err = ErrClosed
		}
		if c.ctx.Err() != nil || c.isFinal(err) {
			c.end(err)
			return
		}
		c.await(l, wait.next(lasted, err), err)
		l = nil
	}
}

// await waits before the next attempt. What the last connection, if there was one, was to carry is settled first.
func (c *Client) await(l *link, delay time.Duration, why error) {
	c.mu.Lock()
	c.disconnected(l, why)
	c.setState(State{Phase: Waiting, Err: why, Wait: delay})
	c.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.setState(State{Phase: Connecting, Err: why})
	case <-c.ctx.Done():
	}
}

// end ends the client. Everything that waits fails.
func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleSent(nil, fmt.Errorf("%w: %w", ErrDisconnected, closed(err)))
	c.keepUnsent(0, closed(err))
	c.setState(State{Phase: Closed, Err: err})
	c.inbox.finish()
	close(c.ended)
}

// dial makes one attempt to connect.
func (c *Client) dial() (*link, error) {
	if c.ctx.Err() != nil {
		return nil, ErrClosed
	}
	l := &link{client: c, replaced: make(chan struct{}), free: make(chan struct{})}
	ctx, cancel := context.WithTimeout(c.ctx, handshakeTimeout)
	defer cancel()
	shake := &Handshake{c.url, c.options.Header.Clone(), slices.Clone(c.options.Subprotocols)}
	if shake.Header == nil {
		shake.Header = http.Header{}
	}
	if c.options.Handshake != nil {
		err := c.safely(func() error { return c.options.Handshake(ctx, shake) })
		if err != nil {
			return nil, fmt.Errorf("client: Handshake: %w", err)
		}
	}
	if err := checkURL(shake.URL); err != nil {
		return nil, err
	}
	ws, resp, err := websocket.Dial(ctx, shake.URL, &websocket.DialOptions{
		HTTPClient: c.options.HTTPClient, HTTPHeader: shake.Header, Subprotocols: shake.Subprotocols,
		Host:           shake.Header.Get("Host"),
		OnPingReceived: l.pinged,
	})
	switch {
	case err == nil:
		ws.SetReadLimit(c.options.ReadLimit)
		l.ws = ws
		return l, nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, refusal(resp)
	case ctx.Err() != nil && c.ctx.Err() == nil:
		return nil, fmt.Errorf("client: no connection within %v: %w", handshakeTimeout, ctx.Err())
	}
	if failed, ok := errors.AsType[*url.Error](err); ok { // the URL may have a secret
		err = failed.Err
	}
	return nil, fmt.Errorf("client: no connection: %w", err)
}

// checkURL returns an error for a URL with which no attempt can succeed.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the URL does not parse", errWrongUse) // its text may have a secret
	case !slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme) || u.Host == "":
		return fmt.Errorf("%w: the URL has scheme %q and host %q, want ws:// or wss:// and a host", errWrongUse, u.Scheme, u.Host)
	}
	return nil
}

// maxRefusal is how much of a refusal's body is read.
const maxRefusal = 1 << 10

// refusal returns the error for a response that is no upgrade.
func refusal(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // what there is of it
	_ = resp.Body.Close()
	refused := &RefusedError{Status: resp.StatusCode, Text: strings.TrimSpace(strings.ToValidUTF8(string(body), "\ufffd"))}
	after := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		refused.retryAfter = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		refused.retryAfter = max(0, time.Until(at))
	}
	return refused
}

// lost returns the error of a connection that has ended for that reason.
func lost(err error) error {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return fmt.Errorf("client: the server closed the connection: %d %s: %w",
			closed.Code, cmp.Or(closed.Reason, "without a reason"), err)
	}
	return fmt.Errorf("client: connection lost: %w", err)
}
