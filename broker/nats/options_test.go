package nats_test

import (
	"errors"
	"strings"
	"testing"

	natsgo "github.com/nats-io/nats.go"

	"github.com/wsgate/wsgate/broker/nats"
)

func TestOptions(t *testing.T) {
	bad := errors.New("a bad option")
	for name, test := range map[string]struct {
		url  string
		opts *nats.Options
		want []string // in the error; none if there must be no error
	}{
		"nil":                        {"nats://127.0.0.1:1", nil, nil},
		"several servers":            {"nats://127.0.0.1:1, tls://a.test:2 ,c.test", nil, nil},
		"web socket":                 {"ws://127.0.0.1:1", nil, nil},
		"prefix with dots":           {"127.0.0.1:1", &nats.Options{Prefix: "team.app-1.test_2"}, nil},
		"the URL of the advice":      {"nats://user:password@host:4222", nil, nil},
		"the password of the advice": {"nats://user:a%2Fb%40c%25@host", nil, nil},
		"nil in Conn":                {"127.0.0.1:1", &nats.Options{Conn: []natsgo.Option{nil}}, nil},
		"empty URL":                  {"", nil, []string{"number 1 of 1", "nats://user:password@host:4222"}},
		"empty second URL":           {"127.0.0.1:1,", nil, []string{"number 2 of 2"}},
		"another scheme":             {"redis://127.0.0.1:1", nil, []string{"number 1 of 1"}},
		"no host":                    {"nats://:4222", nil, []string{"number 1 of 1"}},
		"a bad port":                 {"nats://user:secret@host:port", nil, []string{"number 1 of 1"}},
		"a bad password":             {"nats://user:secret/@host", nil, []string{"number 1 of 1", "%40"}},
		"prefix with a star":         {"127.0.0.1:1", &nats.Options{Prefix: "a.*"}, []string{`Options.Prefix "a.*"`, "letters"}},
		"prefix with a gap":          {"127.0.0.1:1", &nats.Options{Prefix: "a..b"}, []string{`Options.Prefix "a..b"`}},
		"prefix with an end":         {"127.0.0.1:1", &nats.Options{Prefix: "a."}, []string{`Options.Prefix "a."`}},
		"a long prefix":              {"127.0.0.1:1", &nats.Options{Prefix: strings.Repeat("a", 129)}, []string{"at most 128"}},
		"bucket with a dot":          {"127.0.0.1:1", &nats.Options{Bucket: "a.b"}, []string{`Options.Bucket "a.b"`, "letters"}},
		"Conn that fails": {
			"127.0.0.1:1", &nats.Options{Conn: []natsgo.Option{nil, func(*natsgo.Options) error { return bad }}},
			[]string{"Options.Conn[1]", "a bad option"},
		},
		"Conn that nats.go refuses": {
			"127.0.0.1:1", &nats.Options{Conn: []natsgo.Option{func(o *natsgo.Options) error {
				o.Nkey = "a key without a signature"
				return nil
			}}},
			[]string{"the URL or Options.Conn", "nkey"},
		},
		"schemes that do not mix": {"nats://127.0.0.1:1,ws://127.0.0.1:2", nil, []string{"the URL or Options.Conn"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := nats.New(test.url, test.opts)
			if err == nil {
				b.Close()
			}
			if test.want == nil && err != nil {
				t.Errorf("got the error %v, want none", err)
			}
			expectError(t, err, test.want...)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("got the error %v, want one without the password", err)
			}
		})
	}
}

// TestHandlers sets functions of nats.go that the Broker uses itself.
func TestHandlers(t *testing.T) {
	e := newEngine(t, nil)
	called := make(chan string, 1000)
	call := func(name string) { called <- name }
	b := connect(t, e.url(),
		natsgo.ConnectHandler(func(*natsgo.Conn) { call("connected") }),
		natsgo.DisconnectErrHandler(func(*natsgo.Conn, error) { call("disconnected") }),
		natsgo.ReconnectErrHandler(func(*natsgo.Conn, error) { call("not reconnected") }),
		natsgo.ReconnectHandler(func(*natsgo.Conn) { call("reconnected") }),
		natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) { call("error") }),
		natsgo.ClosedHandler(func(*natsgo.Conn) { call("closed") }),
		natsgo.MaxReconnects(1), natsgo.NoReconnect(), // which do not win
	)
	states := watch(t, b)
	states.up(t)
	expect(t, called, "connected")
	e.stop()
	states.down(t)
	expect(t, called, "disconnected")
	for range 3 {
		expect(t, called, "not reconnected")
	}
	e.start(t)
	states.up(t)
	for got := range called {
		if got == "reconnected" {
			break
		}
	}
	b.Close()
	for got := range called {
		if got == "closed" {
			break
		}
	}
}

// TestPrefix has clusters share a server.
func TestPrefix(t *testing.T) {
	e := newEngine(t, nil)
	var brokers []*nats.Broker
	var topics []<-chan string
	for _, prefix := range []string{"", "other", "team.app"} {
		b, err := nats.New(e.url(), &nats.Options{Prefix: prefix, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		watch(t, b).up(t)
		messages, _ := subscribe(t, b, "topic")
		brokers, topics = append(brokers, b), append(topics, messages)
	}
	for i, b := range brokers {
		message := []string{"of wsgate", "of other", "of team.app"}[i]
		publish(t, b, "topic", message)
		expect(t, topics[i], message)
		if err := b.Update(t.Context(), "table", map[string][]byte{"row": []byte(message)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, b := range brokers {
		rows, err := b.Rows(t.Context(), "table")
		if want := []string{"of wsgate", "of other", "of team.app"}[i]; err != nil || string(rows["row"]) != want {
			t.Errorf("got %q and %v, want %q", rows, err, want)
		}
		if len(topics[i]) > 0 {
			t.Errorf("got %q of another cluster, want nothing", <-topics[i])
		}
	}
}
