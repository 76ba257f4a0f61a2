package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// server is two connections to a server, one for commands and one for subscriptions. They end together.
type server struct {
	addr       string
	client     rueidis.Client
	subscriber rueidis.DedicatedClient // nil before hear
	deaf       <-chan error            // closed when the hooks of the subscriber are not called any more
	broken     chan struct{}           // closed when the connections have ended
	release    func()                  // ends the watch over the context

	mu    sync.Mutex // guards following
	conns []net.Conn
	cause error // why the connections have ended
}

// dial connects for commands. The connections last as long as the context, at most.
func (c *config) dial(ctx context.Context, addr string) (*server, error) {
	s := &server{addr: addr, broken: make(chan struct{})}
	username, password, err := c.authorize(ctx)
	if err != nil {
		return nil, s.explain(fmt.Errorf("Options.Credentials: %w", err))
	}
	option := rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true,
		Username: username, Password: password, SelectDB: c.database, ClientName: "wsgate",
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			return s.open(ctx, c)
		},
		DisableRetry: true, DisableCache: true,
		AlwaysPipelining: true, PipelineMultiplex: -1, BlockingPipeline: -1, // everything in one pipeline, so in order
		RingScaleEachConn: 8, ReadBufferEachConn: 1 << 16, WriteBufferEachConn: 1 << 16,
		ConnWriteTimeout: c.patience,
	}
	option.Dialer.Timeout = c.patience
	option.Dialer.KeepAlive = c.ping // between two PINGs of rueidis
	s.release = s.endWith(ctx)
	s.client, err = rueidis.NewClient(option)
	if err == nil {
		err = s.check(ctx, c)
	}
	if err != nil {
		err = s.explain(err)
		s.close()
		return nil, err
	}
	return s, nil
}

// endWith has the connections end when ctx is done. Release waits for that, if it happens.
func (s *server) endWith(ctx context.Context) (release func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		s.fail(ctx.Err())
	})
	return func() {
		if !stop() {
			<-ended
		}
	}
}

func (c *config) authorize(ctx context.Context) (username, password string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	return c.credentials(ctx)
}

// fail ends the connections. What was written and is not sent yet is not sent later either.
func (s *server) fail(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = cause
		close(s.broken)
	}
	for _, c := range s.conns {
		if c, ok := c.(*net.TCPConn); ok {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
	s.conns = nil
}

// explain returns why something with the server went wrong: err, unless it was that the connections had ended.
func (s *server) explain(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := errors.Is(err, net.ErrClosed) || errors.Is(err, rueidis.ErrClosing)
	if s.cause != nil && !isReply(err) && (ended || s.cause != errSilent) {
		err = s.cause
	}
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		err = errSilent
	case errors.As(err, &op):
		err = op.Err // without addresses, so that it is the same every time
	}
	return fmt.Errorf("wsgate/redis: %s: %w", s.addr, err)
}

// isReply reports whether the server itself has answered with the error.
func isReply(err error) bool {
	var reply *rueidis.RedisError
	return errors.As(err, &reply)
}

var errSilent = errors.New("no answer")

// check asks the server for a sign of life, and whether it is one that the Broker can use.
func (s *server) check(ctx context.Context, c *config) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	hello, err := s.client.Do(ctx, s.client.B().Arbitrary("HELLO", "3").Build()).AsMap()
	if err == nil {
		err = c.fits(field(hello, "mode"), field(hello, "role"))
	}
	return err
}

func field(m map[string]rueidis.RedisMessage, name string) string {
	value := m[name]
	text, _ := value.ToString()
	return text
}

// fits says what is wrong with a server in that mode and role.
func (c *config) fits(mode, role string) error {
	switch {
	case mode == "sentinel":
		return errors.New("the server is a Sentinel: name the servers that it watches, with commas between them")
	case c.cluster && mode != "cluster":
		return errors.New("the server is not in a Redis Cluster: leave out Options.Cluster")
	case !c.cluster && mode == "cluster":
		return errors.New("the server is in a Redis Cluster: set Options.Cluster")
	case !c.cluster && role != "master":
		return errors.New("the server is a replica: name the primary, or both with a comma between them")
	}
	return nil
}

// watch returns why the server cannot be used any more.
func (s *server) watch(ctx context.Context, c *config) error {
	sign := time.NewTicker(c.ping)
	defer sign.Stop()
	for {
		select {
		case <-s.broken:
			return s.explain(net.ErrClosed)
		case <-sign.C:
			if err := s.check(ctx, c); err != nil {
				s.fail(err)
				return s.explain(err)
			}
		}
	}
}

// hear makes the connection for subscriptions.
func (s *server) hear(ctx context.Context, hooks rueidis.PubSubHooks) error {
	s.subscriber, _ = s.client.Dedicate()
	s.deaf = s.subscriber.SetPubSubHooks(hooks)
	if err := s.subscriber.Do(ctx, s.subscriber.B().Ping().Build()).Error(); err != nil {
		return s.explain(err)
	}
	return nil
}

// close returns when nothing runs any more that was started for the server.
func (s *server) close() {
	s.release()
	s.fail(net.ErrClosed)
	if s.subscriber != nil {
		for range s.deaf { // so that nothing is delivered behind what the next connection delivers
		}
		s.subscriber.Close()
	}
	s.client.Close()
}
