package redis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/redis"
)

func TestMistakes(t *testing.T) {
	credentials := func(context.Context) (string, string, error) { return "", "", nil }
	tests := []struct {
		name string
		url  string
		opts redis.Options
		want string
	}{
		{"nothing", "", redis.Options{}, "neither redis:// nor rediss://"},
		{"no scheme", "localhost:6379", redis.Options{}, "neither redis:// nor rediss://"},
		{"other scheme", "http://localhost", redis.Options{}, "neither redis:// nor rediss://"},
		{"no host", "redis://", redis.Options{}, `has the host ""`},
		{"port only", "redis://:6379", redis.Options{}, `has the host ":6379"`},
		{"empty host", "redis://a:1,,b:2", redis.Options{}, `has the host ""`},
		{"port", "redis://host:port", redis.Options{}, `has the host "host:port"`},
		{"port of the second", "redis://host:1,other:65x", redis.Options{}, `has the host "other:65x"`},
		{"password with #", "redis://:secr#et@host", redis.Options{}, "%23"},
		{"password with /", "redis://user:secr/et@host:1,other", redis.Options{}, "than letters and digits"},
		{"password with %", "redis://:secr%et@host", redis.Options{}, "than letters and digits"},
		{"password with a space", "redis://:secr et@host", redis.Options{}, "than letters and digits"},
		{"path", "redis://host/name", redis.Options{}, `has the path "/name"`},
		{"negative", "redis://host/-1", redis.Options{}, `has the path "/-1"`},
		{"parameter", "redis://host/0?protocol=3", redis.Options{}, "has parameters"},
		{"fragment", "redis://host/0#1", redis.Options{}, "has parameters"},
		{"database of a cluster", "redis://host/1", redis.Options{Cluster: true}, "a Redis Cluster has 0 only"},
		{"TLS", "redis://host", redis.Options{TLS: &tls.Config{}}, "want rediss://"},
		{"two passwords", "redis://:secret@host", redis.Options{Credentials: credentials}, "want one of them"},
		{"prefix", "redis://host", redis.Options{Prefix: "a b"}, `have Options.Prefix "a b"`},
		{"prefix with a tag", "redis://host", redis.Options{Prefix: "{a}"}, `have Options.Prefix "{a}"`},
		{"long prefix", "redis://host", redis.Options{Prefix: strings.Repeat("a", 129)}, "at most 128"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := redis.New(test.url, &test.opts)
			if err == nil {
				b.Close()
				t.Fatalf("got no error, want one with %s", test.want)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "wsgate/redis: ") {
				t.Errorf("got %v, want an error with %s", err, test.want)
			}
			if strings.Contains(err.Error(), "secr") {
				t.Errorf("got %v, want an error without the password", err)
			}
		})
	}
}

// TestAdvice does what errors say, which leaves none.
func TestAdvice(t *testing.T) {
	credentials := func(context.Context) (string, string, error) { return "", "", nil }
	for _, test := range []struct {
		url    string
		opts   redis.Options
		advice string
		then   string // the URL that follows it
		set    func(*redis.Options)
	}{
		{"localhost:6379", redis.Options{}, "want one like redis://user:password@host:6379/0", "redis://user:password@host:6379/0", nil},
		{"redis://host:port", redis.Options{}, "want host or host:port", "redis://host", nil},
		{"redis://host:port", redis.Options{}, "want host or host:port", "redis://host:6379", nil},
		{"redis://:a#b c^d/e@host", redis.Options{}, "as %23 for #", "redis://:a%23b%20c%5Ed%2Fe@host", nil},
		{"redis://host/name", redis.Options{}, "such as /0, or none", "redis://host/0", nil},
		{"redis://host/name", redis.Options{}, "such as /0, or none", "redis://host", nil},
		{"redis://host?protocol=3", redis.Options{}, "want none", "redis://host", nil},
		{"redis://host/1", redis.Options{Cluster: true}, "has 0 only", "redis://host/0", nil},
		{"redis://host", redis.Options{TLS: &tls.Config{}}, "want rediss://", "rediss://host", nil},
		{"redis://host", redis.Options{TLS: &tls.Config{}}, "or no Options.TLS", "redis://host", func(o *redis.Options) { o.TLS = nil }},
		{"redis://:x@host", redis.Options{Credentials: credentials}, "want one of them", "redis://host", nil},
		{"redis://:x@host", redis.Options{Credentials: credentials}, "want one of them", "redis://:x@host", func(o *redis.Options) { o.Credentials = nil }},
		{"redis://host", redis.Options{Prefix: "a b"}, "ASCII letters, digits, - _ = . and :", "redis://host", func(o *redis.Options) { o.Prefix = "aZ0-_=.:" }},
	} {
		if b, err := redis.New(test.url, &test.opts); err == nil || !strings.Contains(err.Error(), test.advice) {
			t.Errorf("%s: got %v, want an error with %q", test.url, err, test.advice)
			if b != nil {
				b.Close()
			}
		}
		if test.set != nil {
			test.set(&test.opts)
		}
		b, err := redis.New(test.then, &test.opts)
		if err != nil {
			t.Errorf("%s: got %v when the advice %q was followed", test.then, err, test.advice)
			continue
		}
		b.Close()
	}
}

// TestModes connects to servers that are something else than the options say.
func TestModes(t *testing.T) {
	single, cluster := startServer(t), startServer(t, "--cluster-enabled", "yes")
	replica := startServer(t, "--replicaof", "127.0.0.1 1")
	tests := []struct {
		name   string
		server *process
		opts   redis.Options
		want   string
	}{
		{"no cluster", single, redis.Options{Cluster: true}, "leave out Options.Cluster"},
		{"cluster", cluster, redis.Options{}, "set Options.Cluster"},
		{"cluster without slots", cluster, redis.Options{Cluster: true}, "slots that no server has"},
		{"replica", replica, redis.Options{}, "name the primary"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := connect(t, test.server.url(), &test.opts, redis.Tuning{})
			watch(t, b).down(t, test.want)
			if err := b.Publish("topic", nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Publish: got %v, want an error with %s", err, test.want)
			}
			if _, err := b.Rows(context.Background(), "table"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Rows: got %v, want an error with %s", err, test.want)
			}
		})
	}
}

// TestApart has clusters of Apps use one server.
func TestApart(t *testing.T) {
	server := startServer(t)
	first := connect(t, server.url(), nil, redis.Tuning{})
	second := connect(t, server.url(), &redis.Options{Prefix: "wsgate:second"}, redis.Tuning{})
	otherDatabase := connect(t, server.url()+"/5", nil, redis.Tuning{})
	for _, b := range []*redis.Broker{first, second, otherDatabase} {
		watch(t, b).up(t)
	}
	r1, r2 := subscribe(t, first, "topic"), subscribe(t, second, "topic")
	publish(t, first, "topic", "1")
	publish(t, second, "topic", "2")
	expect(t, r1, "1")
	expect(t, r2, "2")
	ctx := context.Background()
	if err := first.Update(ctx, "table", map[string][]byte{"row": []byte("value")}); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*redis.Broker{"prefix": second, "database": otherDatabase} {
		if rows, err := b.Rows(ctx, "table"); err != nil || len(rows) > 0 {
			t.Errorf("Rows of another %s: got %q and %v, want none", name, rows, err)
		}
	}
	if got := server.do(t, "EXISTS", "wsgate:table"); got != "1" {
		t.Errorf("EXISTS wsgate:table: got %s, want 1", got)
	}
}

// TestRights has a user with no more rights than the package comment says.
func TestRights(t *testing.T) {
	t.Parallel()
	const user = "ACL SETUSER app on >secret resetkeys ~wsgate:* resetchannels &wsgate:* -@all +hello +client +ping +select "
	tests := []struct {
		name     string
		server   *process
		opts     redis.Options
		commands string
	}{
		{"one server", startServer(t), redis.Options{}, "+subscribe +unsubscribe +publish"},
		{"cluster", startCluster(t, 1)[0], redis.Options{Cluster: true}, "+ssubscribe +sunsubscribe +spublish +cluster|slots"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			admin := test.server.dial(t)
			defer admin.Close()
			admin.do(t, strings.Fields(user+test.commands+" +hset +hdel +hgetall +pexpire +eval +hget")...)
			admin.do(t, "ACL", "SETUSER", "default", "off")
			defer admin.do(t, "ACL", "SETUSER", "default", "on")
			b := connect(t, "redis://app:secret@"+test.server.addr, &test.opts, redis.Tuning{})
			watch(t, b).up(t)
			r := subscribe(t, b, "topic")
			publish(t, b, "topic", "m")
			expect(t, r, "m")
			end, err := b.Subscribe(context.Background(), "other", func([]byte) {})
			if err != nil {
				t.Fatal(err)
			}
			end()
			ctx := context.Background()
			if err := b.Update(ctx, "table", map[string][]byte{"old": {}, "new": {}}); err != nil {
				t.Error(err)
			}
			admin.do(t, "HSET", "wsgate:table", "old", "")
			if rows, err := b.Rows(ctx, "table"); err != nil || len(rows) != 1 {
				t.Errorf("Rows: got %q and %v, want one row", rows, err)
			}
			if err := b.Update(ctx, "table", map[string][]byte{"new": nil}); err != nil {
				t.Error(err)
			}
			if log := admin.do(t, "ACL", "LOG"); log != "0" {
				t.Errorf("the server has refused %s commands, want none", log)
			}
		})
	}
}

// TestTrackWithoutRights starts an App with presence for a user who may do all but one thing.
func TestTrackWithoutRights(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	for _, without := range []string{"-hset", "-hdel", "-hgetall", "-pexpire", "resetkeys ~other:*"} {
		t.Run(without, func(t *testing.T) {
			set := "ACL SETUSER app reset on >secret ~wsgate:* &wsgate:* +@all " + without
			server.do(t, strings.Fields(set)...)
			app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *tracking { return new(tracking) }}}},
				&wsgate.Options{Broker: connect(t, "redis://app:secret@"+server.addr, nil, redis.Tuning{})})
			if err != nil {
				t.Fatal(err)
			}
			defer app.Shutdown(context.Background())
			err = app.Start(t.Context())
			if !errors.Is(err, wsgate.ErrBroker) || !strings.Contains(err.Error(), "NOPERM") || !strings.Contains(err.Error(), "broker/redis lists") {
				t.Errorf("App.Start: got %v, want an ErrBroker with what Redis says, and what to do", err)
			}
		})
	}
}

// tracking is a gateway with presence.
type tracking struct{}

type user string

func (u user) UserID() string { return string(u) }

func (tracking) OnUpgrade(*http.Request) (user, error) { return "ann", nil }

func (tracking) Events() wsgate.Events[user] {
	return wsgate.Events[user]{wsgate.Track("people", func(*wsgate.Conn[user], string) (string, bool) { return "", true })}
}
