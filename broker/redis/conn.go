package redis

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// open makes one of the connections.
func (s *server) open(ctx context.Context, c *config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	if err := s.own(raw); err != nil || c.tls == nil {
		return &conn{Conn: raw, server: s}, err
	}
	settings := c.tls.Clone()
	if settings.ServerName == "" {
		settings.ServerName, _, _ = net.SplitHostPort(s.addr)
	}
	encrypted := tls.Client(raw, settings)
	return &conn{Conn: encrypted, server: s}, encrypted.HandshakeContext(ctx)
}

// own closes the connection together with the others, or at once if they are closed.
func (s *server) own(c net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		c.Close()
		return s.cause
	}
	s.conns = append(s.conns, c)
	return nil
}

// conn reports to its server when it ends, and why.
type conn struct {
	net.Conn
	server *server
	opened bool  // something was read
	denial error // an error that the server sent first
}

// Read is called by one goroutine at a time.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if line, _, _ := bytes.Cut(p[:n], []byte("\r")); !c.opened && len(line) > 0 {
		c.opened = true
		if line[0] == '-' {
			c.denial = errors.New(string(line[1:])) // such as too many clients, before it ends the connection
		}
	}
	if err != nil {
		c.server.fail(cmp.Or(c.denial, err))
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.server.fail(err)
	}
	return n, err
}

// Close is called by rueidis, including after an unanswered PING.
func (c *conn) Close() error {
	c.server.fail(errSilent)
	return nil
}
