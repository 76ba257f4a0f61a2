package nats

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

// Options configures a Broker. The zero value and a nil *Options use the defaults.
type Options struct {
	// Prefix and a dot begin every subject, so that several clusters of Apps can share a server. Prefix consists of ASCII
	// letters, digits, '-', '_' and single dots between them, at most 128 characters. It must not be the beginning of
	// another cluster's: not app and app.test. Default "wsgate".
	Prefix string
	// Bucket is the key-value bucket for presence. If there is none, the Broker creates it: in memory, with one replica,
	// and rows expire after an hour. Create it yourself for other settings. Default Prefix with '-' for every dot.
	Bucket string
	// Conn are options of nats.go for TLS, credentials, and what else the connection needs. They override what this
	// package sets, such as the pings, with one exception: the Broker reconnects forever, and keeps nothing until then.
	// Functions that nats.go calls are called after those of the Broker. Default none.
	Conn []natsgo.Option
	// Logger gets a line when the connection is lost or restored, when NATS refuses something, and when messages were
	// lost, at most every ten seconds. Default slog.Default().
	Logger *slog.Logger
}

var (
	prefixes = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	buckets  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	schemes  = []string{"nats", "tls", "ws", "wss"}
)

// configure reads the options, and returns those for nats.go.
func (b *Broker) configure(urls string, opts *Options) (natsgo.Options, error) {
	prefix, bucket := opts.Prefix, opts.Bucket
	if prefix == "" {
		prefix = "wsgate"
	}
	if bucket == "" {
		bucket = strings.ReplaceAll(prefix, ".", "-")
	}
	conn := natsgo.GetDefaultOptions()
	if !prefixes.MatchString(prefix) || len(prefix) > 128 {
		return conn, fmt.Errorf("wsgate/nats: have Options.Prefix %q, want at most 128 ASCII letters, digits and -_, and "+
			"single dots between them", prefix)
	}
	if !buckets.MatchString(bucket) {
		return conn, fmt.Errorf("wsgate/nats: have Options.Bucket %q, want at most 128 ASCII letters, digits and -_", bucket)
	}
	b.prefix, b.bucket = prefix+".", bucket
	servers, err := parse(urls)
	if err != nil {
		return conn, err
	}
	conn.Servers = servers
	preset(&conn)
	for i, o := range opts.Conn {
		if o == nil {
			continue
		}
		if err := o(&conn); err != nil {
			return conn, fmt.Errorf("wsgate/nats: Options.Conn[%d]: %w", i, err)
		}
	}
	b.enforce(&conn)
	if err := check(conn); err != nil {
		return conn, fmt.Errorf("wsgate/nats: the URL or Options.Conn: %w", err)
	}
	return conn, nil
}

// parse splits URLs with commas between them. Its errors do not show passwords.
func parse(urls string) ([]string, error) {
	servers := strings.Split(urls, ",")
	for i, s := range servers {
		s = strings.TrimSpace(s)
		servers[i] = s
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) {
			return nil, fmt.Errorf("wsgate/nats: have no URL of a server as number %d of %d in the URL, want one like "+
				"nats://user:password@host:4222, or with tls, ws or wss; write other characters than letters and digits in "+
				"user and password as %%40 for @", i+1, len(servers))
		}
	}
	return servers, nil
}

// preset sets defaults that Options.Conn may override.
func preset(conn *natsgo.Options) {
	conn.Name = "wsgate"
	// A dead connection is found at the third ping: after 9 s at most, instead of 6 minutes. Two pings may be without an
	// answer, so a busy server or network has 6 s for one.
	conn.PingInterval, conn.MaxPingsOut = 3*time.Second, 2
	// A connection that accepts no data is detected by a write timeout, instead of after a minute.
	conn.FlusherTimeout, conn.ReconnectOnFlusherError = 3*time.Second, true
	conn.CustomReconnectDelayCB = pause
}

// pause returns the time before the next attempt. It increases, with jitter so that nodes do not retry together.
func pause(attempts int) time.Duration {
	most := min(50*time.Millisecond<<min(attempts, 10), 2*time.Second)
	return most/2 + rand.N(most/2)
}

// enforce sets options that the Broker relies on.
func (b *Broker) enforce(conn *natsgo.Options) {
	// Retry forever, even before the first connection and with a wrong password, which may be changed on the server.
	conn.AllowReconnect, conn.MaxReconnect = true, -1
	conn.RetryOnFailedConnect, conn.IgnoreAuthErrorAbort = true, true
	// Buffer nothing while disconnected.
	conn.ReconnectBufSize = -1
	// Report the end of a connection.
	conn.NoCallbacksAfterClientClose = false

	conn.ConnectedCB = then(b.connected, conn.ConnectedCB)
	conn.ReconnectedCB = then(b.connected, conn.ReconnectedCB)
	conn.DisconnectedErrCB = thenErr(b.lost, conn.DisconnectedErrCB)
	conn.ReconnectErrCB = thenErr(b.failed, conn.ReconnectErrCB)
	theirs := conn.AsyncErrorCB
	conn.AsyncErrorCB = func(nc *natsgo.Conn, sub *natsgo.Subscription, err error) {
		b.reported(sub, err)
		if theirs != nil {
			theirs(nc, sub, err)
		}
	}
}

func then(ours, theirs natsgo.ConnHandler) natsgo.ConnHandler {
	if theirs == nil {
		return ours
	}
	return func(nc *natsgo.Conn) {
		ours(nc)
		theirs(nc)
	}
}

func thenErr(ours, theirs natsgo.ConnErrHandler) natsgo.ConnErrHandler {
	if theirs == nil {
		return ours
	}
	return func(nc *natsgo.Conn, err error) {
		ours(nc, err)
		theirs(nc, err)
	}
}

var errNoDial = errors.New("not dialed")

type noDialer struct{}

func (noDialer) Dial(string, string) (net.Conn, error) { return nil, errNoDial }

// check makes nats.go validate the options, which it does on connecting. It stops at the dialer.
func check(conn natsgo.Options) error {
	conn.CustomDialer, conn.InProcessServer = noDialer{}, nil
	conn.SkipHostLookup, conn.RetryOnFailedConnect = true, false
	_, err := conn.Connect()
	if errors.Is(err, errNoDial) {
		return nil
	}
	return err
}
