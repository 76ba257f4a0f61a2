package nats_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/nats"
)

// client returns a connection of nats.go itself.
func client(t testing.TB, e *engine) jetstream.JetStream {
	t.Helper()
	nc, err := natsgo.Connect(e.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestNoJetStream(t *testing.T) {
	for name, set := range map[string]func(*server.Options){
		"server":  func(o *server.Options) { o.JetStream = false },
		"account": func(o *server.Options) { o.Accounts, o.NoAuthUser, o.Users = accountWithout() },
	} {
		t.Run(name, func(t *testing.T) {
			b := node(t, newEngine(t, set).url())
			err := b.Update(t.Context(), "table", map[string][]byte{"row": {1}})
			expectError(t, err, `writing table "table"`, "no JetStream", "nats-server -js")
			_, err = b.Rows(t.Context(), "table")
			expectError(t, err, `reading table "table"`, "no JetStream", "nats-server -js")
			messages, _ := subscribe(t, b, "topic")
			publish(t, b, "topic", "works")
			expect(t, messages, "works")
		})
	}
}

// TestTrackWithoutJetStream starts Apps with and without presence on a server that keeps no tables.
func TestTrackWithoutJetStream(t *testing.T) {
	e := newEngine(t, func(o *server.Options) { o.JetStream = false })
	start := func(o wsgate.Options, gateway any) (*wsgate.App, error) {
		o.Broker, o.Logger = connect(t, e.url()), quiet
		app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: gateway}}}, &o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { app.Shutdown(context.Background()) })
		return app, app.Start(t.Context())
	}
	tracks := func() *tracking { return new(tracking) }

	_, err := start(wsgate.Options{}, tracks)
	expectError(t, err, "presence", "no JetStream", "nats-server -js", "StartWithoutBroker", `"/"`)
	if !errors.Is(err, wsgate.ErrBroker) {
		t.Errorf("got %v, want an ErrBroker", err)
	}
	app, err := start(wsgate.Options{StartWithoutBroker: true}, tracks)
	if err != nil {
		t.Error(err)
	}
	expectError(t, app.Ready(), "no JetStream")
	if app, err = start(wsgate.Options{}, func() *raw { return new(raw) }); err != nil || app.Ready() != nil {
		t.Errorf("got %v, %v, want that an App which does not track needs no JetStream", err, app.Ready())
	}

	app, err = start(wsgate.Options{StartWithoutBroker: true}, tracks)
	if err != nil {
		t.Error(err)
	}
	e.stop()
	e.opts.JetStream = true
	e.start(t)
	eventually(t, "the App to be ready with JetStream", func() bool { return app.Ready() == nil })
	e.stop()
	e.opts.JetStream = false
	e.start(t)
	eventually(t, "the App not to be ready without JetStream", func() bool {
		err := app.Ready()
		return err != nil && strings.Contains(err.Error(), "no JetStream")
	})
}

// tracking is a gateway with presence, raw one without.
type tracking struct{}

type somebody string

func (u somebody) UserID() string { return string(u) }

func (tracking) OnUpgrade(*http.Request) (somebody, error) { return "ann", nil }

func (tracking) Events() wsgate.Events[somebody] {
	return wsgate.Events[somebody]{wsgate.Track("people", func(*wsgate.Conn[somebody], string) (string, bool) { return "", true })}
}

type raw struct{}

func (raw) OnMessage(context.Context, *wsgate.Conn[struct{}], wsgate.Message) error { return nil }

// accountWithout is an account that has no JetStream, on a server that has.
func accountWithout() ([]*server.Account, string, []*server.User) {
	a := server.NewAccount("without")
	return []*server.Account{a}, "user", []*server.User{{Username: "user", Password: "password", Account: a}}
}

// TestBucket looks at the bucket that a broker makes.
func TestBucket(t *testing.T) {
	e := newEngine(t, nil)
	js := client(t, e)
	b := node(t, e.url())
	if err := b.Update(t.Context(), "table", map[string][]byte{"row": []byte("value")}); err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "wsgate")
	if err != nil {
		t.Fatal(err)
	}
	status, err := kv.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.TTL() != time.Hour || status.History() != 1 {
		t.Errorf("got rows that end after %v and %d versions, want an hour and one", status.TTL(), status.History())
	}
	info, err := js.Stream(t.Context(), "KV_wsgate")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.CachedInfo().Config.Storage; got != jetstream.MemoryStorage {
		t.Errorf("got storage %v, want %v", got, jetstream.MemoryStorage)
	}
	if got := info.CachedInfo().State.Consumers; got != 0 {
		t.Errorf("got %d consumers, want none", got)
	}
}

// TestBucketGone deletes the bucket while a broker uses it.
func TestBucketGone(t *testing.T) {
	e := newEngine(t, nil)
	js := client(t, e)
	b := node(t, e.url())
	row := map[string][]byte{"row": []byte("value")}
	for _, step := range []func() error{
		func() error { return b.Update(t.Context(), "table", row) },
		func() error { return js.DeleteKeyValue(t.Context(), "wsgate") },
		func() error { return b.Update(t.Context(), "table", row) },
		func() error { return expectRow(b, "value") },
		func() error { return js.DeleteKeyValue(t.Context(), "wsgate") },
		func() error { return expectRow(b, "") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// expectRow wants a row with the value in the table, or no row if it is empty.
func expectRow(b *nats.Broker, value string) error {
	rows, err := b.Rows(context.Background(), "table")
	if err == nil && string(rows["row"]) != value {
		err = fmt.Errorf("got the rows %q, want %q", rows, value)
	}
	return err
}

// TestBucketMade uses buckets that somebody else has made.
func TestBucketMade(t *testing.T) {
	e := newEngine(t, nil)
	js := client(t, e)
	for _, test := range []struct {
		config jetstream.KeyValueConfig
		want   []string // in the error; none if there must be no error
	}{
		{jetstream.KeyValueConfig{Bucket: "on-disk", TTL: 2 * time.Hour, History: 5, Storage: jetstream.FileStorage}, nil},
		{jetstream.KeyValueConfig{Bucket: "forever"}, nil},
		{jetstream.KeyValueConfig{Bucket: "brief", TTL: time.Minute}, []string{`"brief"`, "1m0s", "at least 1h0m0s"}},
	} {
		t.Run(test.config.Bucket, func(t *testing.T) {
			if _, err := js.CreateKeyValue(t.Context(), test.config); err != nil {
				t.Fatal(err)
			}
			b, err := nats.New(e.url(), &nats.Options{Bucket: test.config.Bucket, Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			watch(t, b).up(t)
			for _, value := range []string{"one", "two"} {
				err = errors.Join(err, b.Update(t.Context(), "table", map[string][]byte{"row": []byte(value)}))
			}
			if test.want != nil {
				expectError(t, err, test.want...)
				return
			}
			if err = errors.Join(err, expectRow(b, "two")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestForeignRows reads a bucket that others use too.
func TestForeignRows(t *testing.T) {
	e := newEngine(t, nil)
	js := client(t, e)
	b := node(t, e.url())
	if err := b.Update(t.Context(), "table", map[string][]byte{"row": []byte("value")}); err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "wsgate")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "somebody.elses", []byte{200}); err != nil {
		t.Fatal(err)
	}
	if err := expectRow(b, "value"); err != nil {
		t.Errorf("got the error %v because of a row of no table, want none", err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(keys, func(key string) bool { return key != "somebody.elses" })
	table, _, _ := strings.Cut(keys[i], ".")
	for name, data := range map[string]string{"garbage": "\xc8", "alias": "\x04rowevil", "another": "\x05otherevil"} {
		if _, err := kv.Put(t.Context(), table+"."+name, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if rows, err := b.Rows(t.Context(), "table"); err != nil || len(rows) != 1 || string(rows["row"]) != "value" {
		t.Errorf("got %q and the error %v because of single rows of others in a table, want the one that was written", rows, err)
	}
	for _, key := range keys {
		if _, err := kv.Put(t.Context(), key, []byte{200}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.Rows(t.Context(), "table")
	expectError(t, err, "wsgate has not written", "Options.Bucket")
}

// TestManyPages reads more rows than a page has, some of which are written again meanwhile.
func TestManyPages(t *testing.T) {
	const count = 1500
	e := newEngine(t, nil)
	a, b := node(t, e.url()), node(t, e.url())
	all := map[string][]byte{}
	for i := range count {
		all[fmt.Sprint("row.", i)] = []byte("value")
	}
	if err := a.Update(t.Context(), "table", all); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for i := range 5 {
			some := map[string][]byte{}
			for j := range 50 {
				some[fmt.Sprint("row.", j*(i+1))] = []byte("value")
			}
			if err := a.Update(t.Context(), "table", some); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for writing := true; writing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		rows, err := b.Rows(t.Context(), "table")
		if err != nil || len(rows) != count {
			t.Fatalf("got %d rows and the error %v, want %d rows whatever is written again", len(rows), err, count)
		}
	}
}

// TestStoreLost loses the connection while a broker waits for an answer.
func TestStoreLost(t *testing.T) {
	p := newProxy(t, newEngine(t, nil))
	b := connect(t, p.url(), natsgo.PingInterval(300*time.Millisecond))
	states := watch(t, b)
	states.up(t)
	row := map[string][]byte{"row": []byte("value")}
	if err := b.Update(t.Context(), "table", row); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p.swallow()
	_, err := b.Rows(ctx, "table")
	expectError(t, err, "no connection")
	p.restore()
	states.up(t)
	p.swallow()
	expectError(t, b.Update(ctx, "table", row), "no connection")
	p.restore()
	states.up(t)
	if err := expectRow(b, "value"); err != nil {
		t.Error(err)
	}
}
