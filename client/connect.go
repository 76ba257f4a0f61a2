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

// run connects until the client is closed or has to stay away.
func (c *Client) run() {
	var wait backoff
	for {
		lasted, err := c.connection()
		if c.ctx.Err() != nil {
			err = ErrClosed
		}
		if c.ctx.Err() != nil || c.isFinal(err) {
			c.end(err)
			return
		}
		delay := wait.next(lasted, err)
		c.await(delay, err)
	}
}

// await waits before the next attempt. What the last connection was to carry is settled first.
func (c *Client) await(delay time.Duration, why error) {
	c.mu.Lock()
	c.release(c.options.Queue, fmt.Errorf("%w: %w", ErrDisconnected, why), fmt.Errorf("%w: %w", ErrNotConnected, why))
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
	c.release(0, fmt.Errorf("%w: %w", ErrDisconnected, closed(err)), closed(err))
	c.setState(State{Phase: Closed, Err: err})
	c.inbox.finish()
	close(c.ended)
}

// connection connects and waits for the end of the connection. It returns how long that lasted, 0 if there was none.
func (c *Client) connection() (lasted time.Duration, err error) {
	if c.ctx.Err() != nil {
		return 0, ErrClosed
	}
	l := &link{client: c}
	if err := c.dial(l); err != nil {
		return 0, err
	}
	began := time.Now()
	err = l.serve()
	return time.Since(began), err
}

// dial makes one attempt to connect.
func (c *Client) dial(l *link) error {
	ctx, cancel := context.WithTimeout(c.ctx, handshakeTimeout)
	defer cancel()
	shake := &Handshake{c.url, c.options.Header.Clone(), slices.Clone(c.options.Subprotocols)}
	if shake.Header == nil {
		shake.Header = http.Header{}
	}
	if c.options.Handshake != nil {
		err := c.safely(func() error { return c.options.Handshake(ctx, shake) })
		if err != nil {
			return fmt.Errorf("client: Handshake: %w", err)
		}
	}
	if err := checkURL(shake.URL); err != nil {
		return err
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
		return nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return refusal(resp)
	case ctx.Err() != nil && c.ctx.Err() == nil:
		return fmt.Errorf("client: no connection within %v: %w", handshakeTimeout, ctx.Err())
	}
	if failed, ok := errors.AsType[*url.Error](err); ok { // the URL may have a secret
		err = failed.Err
	}
	return fmt.Errorf("client: no connection: %w", err)
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
