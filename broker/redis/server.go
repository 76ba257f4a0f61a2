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

// server is a pair of connections to a server, one for commands and one for subscriptions. They end together.
type server struct {
	addr       string
	client     rueidis.Client
	subscriber rueidis.DedicatedClient // set by hear
	deaf       <-chan error            // closed when the subscriber's hooks are no longer called
	broken     chan struct{}           // closed when the connections end
	release    func()                  // stops watching the context

	mu    sync.Mutex // guards following
	conns []net.Conn
	cause error // why the connections ended
}

// dial makes the connection for commands. Both connections end when the context is done.
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
		AlwaysPipelining: true, PipelineMultiplex: -1, BlockingPipeline: -1, // one pipeline keeps everything in order
		RingScaleEachConn: 8, ReadBufferEachConn: 1 << 16, WriteBufferEachConn: 1 << 16,
		ConnWriteTimeout: c.patience,
	}
	option.Dialer.Timeout = c.patience
	option.Dialer.KeepAlive = c.ping // interval of rueidis's PINGs
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

// endWith ends the connections when ctx is done. If that has begun, release waits for it.
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

// fail ends the connections and discards unsent data.
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

// explain returns the cause of err: if the connections have ended, the reason for that.
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
		err = op.Err // without addresses, so that equal errors compare equal
	}
	return fmt.Errorf("wsgate/redis: %s: %w", s.addr, err)
}

// isReply reports whether err is an error reply of the server.
func isReply(err error) bool {
	var reply *rueidis.RedisError
	return errors.As(err, &reply)
}

var errSilent = errors.New("no answer")

// check checks that the server responds and that the Broker can use it.
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

// fits returns an error if the server's mode or role is wrong.
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

// watch returns when the server is no longer usable, and why.
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

// close ends the connections and waits for their goroutines.
func (s *server) close() {
	s.release()
	s.fail(net.ErrClosed)
	if s.subscriber != nil {
		for range s.deaf { // so that nothing is delivered after messages of the next connection
		}
		s.subscriber.Close()
	}
	s.client.Close()
}
