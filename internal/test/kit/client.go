package kit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/memory"
)

// Client is a client that fails its test.
type Client struct {
	*websocket.Conn
	t testing.TB
}

// Dial opens a connection in memory.
func Dial(t testing.TB, h http.Handler, target string) *Client {
	t.Helper()
	c, _, err := memory.Dial(h, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(t, c)
}

func NewClient(t testing.TB, c *websocket.Conn) *Client {
	c.SetReadLimit(-1)
	t.Cleanup(func() { c.CloseNow() })
	return &Client{c, t}
}

// DialRefused dials and returns the answer that is not an upgrade.
func DialRefused(t testing.TB, h http.Handler, target string, header http.Header) *http.Response {
	t.Helper()
	c, resp, err := memory.Dial(h, target, header)
	if err == nil {
		c.CloseNow()
		t.Fatal("the upgrade was accepted")
	}
	if resp == nil {
		t.Fatal(err)
	}
	return resp
}

// Say sends a text message.
func (c *Client) Say(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Errorf("sending %.40q: %v", text, err)
	}
}

// Hear returns the next message.
func (c *Client) Hear() string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err != nil {
		c.t.Errorf("reading: %v", err)
		return ""
	}
	return string(data)
}

// Hears fails the test unless exactly these are the next messages.
func (c *Client) Hears(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.Hear(); got != w {
			c.t.Errorf("got message %.200q, want %.200q", got, w)
		}
	}
}

// Rest returns the messages up to the end of the connection, and the close frame; its code is -1 if there was none.
func (c *Client) Rest() (messages []string, end websocket.CloseError) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for {
		_, data, err := c.Read(ctx)
		if err != nil {
			if !errors.As(err, &end) {
				end = websocket.CloseError{Code: -1, Reason: err.Error()}
			}
			return messages, end
		}
		messages = append(messages, string(data))
	}
}

// Closed fails the test unless the server closes with that code and nothing comes before.
func (c *Client) Closed(code websocket.StatusCode, reason string) {
	c.t.Helper()
	messages, end := c.Rest()
	if len(messages) > 0 {
		c.t.Errorf("got messages %.200q before the close frame", messages)
	}
	if end.Code != code || !strings.Contains(end.Reason, reason) {
		c.t.Errorf("got close %d %q, want %d %q", end.Code, end.Reason, code, reason)
	}
}

// DialWith is dial with header fields.
func DialWith(t testing.TB, h http.Handler, target string, header http.Header) *Client {
	t.Helper()
	c, _, err := memory.Dial(h, target, header)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(t, c)
}
