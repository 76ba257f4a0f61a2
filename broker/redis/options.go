package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Options configures a Broker. The zero value and a nil *Options use the defaults.
type Options struct {
	// Prefix and a colon begin the name of every channel and key, so that several clusters of Apps can share a server.
	// Prefix consists of ASCII letters, digits, '-', '_', '=', '.' and ':', at most 128 characters. Default "wsgate".
	Prefix string
	// Cluster says that the URL leads to a Redis Cluster. Default one server.
	Cluster bool
	// TLS is used for a URL that begins with rediss. An empty ServerName means the name of the host. Default the system's
	// certificates.
	TLS *tls.Config
	// Credentials returns the user and the password. It is called whenever the Broker connects. An empty user is Redis's
	// default user. The context is done when the attempt is over. Default those in the URL.
	Credentials func(ctx context.Context) (username, password string, err error)
	// Logger gets a line when messages were lost, at most every ten seconds. Default slog.Default().
	Logger *slog.Logger
}

// config is the parsed configuration.
type config struct {
	tuning
	hosts       []string // with ports
	database    int
	prefix      string // with the colon
	cluster     bool
	tls         *tls.Config // nil for none
	credentials func(context.Context) (username, password string, err error)
	log         *slog.Logger
}

// tuning holds parameters that only tests change.
type tuning struct {
	ping               time.Duration // between checks of a server
	patience           time.Duration // for an answer, and for connecting
	pauseMin, pauseMax time.Duration // between attempts
	look               time.Duration // between queries of a cluster's layout
	report             time.Duration // between lines in the log
	waiting            int           // capacity of one queue in bytes
}

var defaults = tuning{
	ping:     2 * time.Second,
	patience: 5 * time.Second,
	pauseMin: 50 * time.Millisecond,
	pauseMax: 2 * time.Second,
	look:     15 * time.Second,
	report:   10 * time.Second,
	waiting:  16 << 20,
}

var prefixes = regexp.MustCompile(`^[A-Za-z0-9_=.:-]{1,128}$`)

func configure(address string, opts *Options) (*config, error) {
	if opts == nil {
		opts = &Options{}
	}
	c := &config{prefix: "wsgate", cluster: opts.Cluster, credentials: opts.Credentials, log: opts.Logger}
	if opts.Prefix != "" {
		c.prefix = opts.Prefix
	}
	if !prefixes.MatchString(c.prefix) {
		return nil, fmt.Errorf("wsgate/redis: have Options.Prefix %q, want at most 128 of ASCII letters, digits, - _ = . and : in it", c.prefix)
	}
	c.prefix += ":"
	if c.log == nil {
		c.log = slog.Default()
	}
	if err := c.parse(address, opts); err != nil {
		return nil, fmt.Errorf("wsgate/redis: the URL of the server %w", err)
	}
	return c, nil
}

// parse reads a URL that may have several hosts. Its errors do not show the password.
func (c *config) parse(address string, opts *Options) error {
	scheme, rest, _ := strings.Cut(address, "://")
	switch scheme {
	case "redis":
		if opts.TLS != nil {
			return errors.New("begins with redis://, but Options.TLS is set: want rediss://, or no Options.TLS")
		}
	case "rediss":
		c.tls = &tls.Config{}
		if opts.TLS != nil {
			c.tls = opts.TLS.Clone()
		}
	default:
		return errors.New("begins with neither redis:// nor rediss://: want one like redis://user:password@host:6379/0")
	}
	end := strings.IndexAny(rest+"/", "/?#")
	authority, tail := rest[:end], rest[end:]
	at := strings.LastIndex(authority, "@") + 1
	if _, err := url.Parse(scheme + "://" + authority[:at] + "host"); err != nil || strings.Contains(tail, "@") {
		return errors.New("has a user or password with a character that means something else in a URL: " +
			"want other characters than letters and digits there as %23 for #")
	}
	for _, host := range strings.Split(authority[at:], ",") {
		u, err := url.Parse(scheme + "://" + authority[:at] + host + tail)
		if err != nil || u.Hostname() == "" {
			return fmt.Errorf("has the host %q: want host or host:port", host)
		}
		if err := c.read(u, opts); err != nil {
			return err
		}
	}
	return nil
}

// read parses a URL with one host.
func (c *config) read(u *url.URL, opts *Options) error {
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	c.hosts = append(c.hosts, net.JoinHostPort(u.Hostname(), port))
	if u.RawQuery != "" || u.Fragment != "" {
		return errors.New("has parameters: want none; Options has what can be set")
	}
	if name := strings.Trim(u.Path, "/"); name != "" {
		number, err := strconv.Atoi(name)
		if err != nil || number < 0 {
			return fmt.Errorf("has the path %q: want the number of a database, such as /0, or none", u.Path)
		}
		if number > 0 && c.cluster {
			return fmt.Errorf("has the database %d: a Redis Cluster has 0 only", number)
		}
		c.database = number
	}
	switch {
	case u.User == nil && c.credentials == nil:
		c.credentials = func(context.Context) (string, string, error) { return "", "", nil }
	case u.User != nil && opts.Credentials != nil:
		return errors.New("has a user or password, and Options.Credentials is set: want one of them")
	case u.User != nil:
		username := u.User.Username()
		password, _ := u.User.Password()
		c.credentials = func(context.Context) (string, string, error) { return username, password, nil }
	}
	return nil
}
