package nats_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
)

// permit lets the user of the tests subscribe to what the patterns allow.
func permit(allow ...string) func(*server.Options) {
	return func(o *server.Options) {
		o.Users = []*server.User{{Username: "user", Password: "password", Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Allow: append(allow, "_INBOX.>")},
			Publish:   &server.SubjectPermission{Deny: []string{"wsgate.silent"}},
		}}}
	}
}

var user = natsgo.UserInfo("user", "password")

// TestSubscribeRefused subscribes to topics with and without permission at the same time.
func TestSubscribeRefused(t *testing.T) {
	e := newEngine(t, permit("wsgate.free.>"))
	b := node(t, e.url(), user, natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) {
		for range 1000 {
			runtime.Gosched() // nats.go reports the next error after this one
		}
	}))
	states := watch(t, b)
	states.up(t)
	var running sync.WaitGroup
	for i := range 200 {
		running.Go(func() {
			topic, free := fmt.Sprint("denied.", i), i%2 == 0
			if free {
				topic = fmt.Sprint("free.", i)
			}
			for range 3 {
				unsubscribe, err := b.Subscribe(t.Context(), topic, func([]byte) {})
				switch {
				case free && err != nil:
					t.Errorf("%s: got the error %v, want none", topic, err)
				case free:
					unsubscribe()
				default:
					expectError(t, err, "wsgate/nats", "refuses", topic, "ermissions")
				}
			}
		})
	}
	running.Wait()
	messages, _ := subscribe(t, b, "free.last")
	publish(t, b, "free.last", "still there")
	expect(t, messages, "still there")
	if len(states) > 0 {
		t.Errorf("Watch: got %v, want nothing: there is no subscription that NATS does not have", <-states)
	}
}

// TestPermissionLost takes a permission away from a subscription, and gives it back.
func TestPermissionLost(t *testing.T) {
	e := newEngine(t, permit("wsgate.>"))
	b := node(t, e.url(), user)
	states := watch(t, b)
	states.up(t)
	for i := range 10 {
		subscribe(t, b, fmt.Sprint("free.", i))
	}
	_, unsubscribe1 := subscribe(t, b, "denied.1")
	_, unsubscribe2 := subscribe(t, b, "denied.2")
	reload := func(set func(*server.Options)) {
		o := e.opts.Clone()
		set(o)
		if err := e.ReloadOptions(o); err != nil {
			t.Fatal(err)
		}
	}
	reload(permit("wsgate.free.>"))
	if strings.Contains(states.down(t).Error(), "denied.1") {
		unsubscribe1()
		states.says(t, "denied.2")
		unsubscribe2()
	} else {
		unsubscribe2()
		states.says(t, "denied.1")
		unsubscribe1()
	}
	states.up(t) // since nothing is missing any more
	if _, err := b.Subscribe(t.Context(), "denied.1", func([]byte) {}); err == nil {
		t.Error("Subscribe: got no error, want one")
	}
	reload(permit("wsgate.>"))
	messages, _ := subscribe(t, b, "denied.1")
	publish(t, b, "denied.1", "again")
	expect(t, messages, "again")
}

// TestRefusedAfterOutage brings the server back with fewer permissions.
func TestRefusedAfterOutage(t *testing.T) {
	for _, when := range []string{"before", "meanwhile"} {
		t.Run(when, func(t *testing.T) {
			e := newEngine(t, permit("wsgate.>"))
			b := connect(t, e.url(), user)
			states := watch(t, b)
			states.up(t)
			free, _ := subscribe(t, b, "free")
			var unsubscribe func()
			if when == "before" {
				_, unsubscribe = subscribe(t, b, "denied")
			}
			e.stop()
			states.down(t)
			if when == "meanwhile" {
				_, unsubscribe = subscribe(t, b, "denied")
			}
			permit("wsgate.free")(e.opts)
			e.start(t)
			states.says(t, `refuses the subscription to "denied"`)
			publish(t, b, "free", "still there") // the engine is not away
			expect(t, free, "still there")
			unsubscribe()
			states.up(t)
		})
	}
}

// TestTooManySubscriptions has more than the server takes, which does not say which one it refuses.
func TestTooManySubscriptions(t *testing.T) {
	e := newEngine(t, func(o *server.Options) { o.MaxSubs = 10 })
	b := connect(t, e.url())
	states := watch(t, b)
	states.up(t)
	for i := range 11 {
		subscribe(t, b, fmt.Sprint("topic.", i))
	}
	states.says(t, "maximum subscriptions")
	e.stop()
	e.opts.MaxSubs = 0
	e.start(t)
	states.up(t)
}

// TestRights has a broker do everything with no more rights than the package comment says it needs.
func TestRights(t *testing.T) {
	e := newEngine(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "user", Password: "password", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"wsgate.>", "$KV.wsgate.>", "$JS.API.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"wsgate.>", "_INBOX.>"}},
		}}}
	})
	b := node(t, e.url(), user)
	messages, _ := subscribe(t, b, "topic")
	publish(t, b, "topic", "works")
	expect(t, messages, "works")
	for _, value := range []string{"value", ""} {
		var row []byte
		if value != "" {
			row = []byte(value)
		}
		if err := b.Update(t.Context(), "table", map[string][]byte{"row": row}); err != nil {
			t.Fatal(err)
		}
		if err := expectRow(b, value); err != nil {
			t.Error(err)
		}
	}
	if got := b.Dropped(); got != 0 {
		t.Errorf("got %d lost messages, want none", got)
	}
}

func TestMaxPayload(t *testing.T) {
	e := newEngine(t, func(o *server.Options) { o.MaxPayload = 1000 })
	b := node(t, e.url())
	messages, _ := subscribe(t, b, "topic")
	expectError(t, b.Publish("topic", make([]byte, 1001)), "1001 bytes", "at most 1000", "max_payload")
	publish(t, b, "topic", string(make([]byte, 1000)))
	expect(t, messages, string(make([]byte, 1000)))
}

// TestPublishRefused publishes what NATS does not permit, which it says later or not at all.
func TestPublishRefused(t *testing.T) {
	e := newEngine(t, permit("wsgate.>"))
	b := node(t, e.url(), user)
	heard := make(chan string, 1)
	if _, err := b.Subscribe(t.Context(), "after", func(m []byte) { heard <- string(m) }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		publish(t, b, "silent", "refused")
	}
	publish(t, b, "after", "arrives")
	expect(t, heard, "arrives")
	eventually(t, "3 lost messages", func() bool { return b.Dropped() == 3 })
}

// TestPassword brings a broker up as soon as its password is right, however often it was not.
func TestPassword(t *testing.T) {
	e := newEngine(t, func(o *server.Options) { o.Username, o.Password = "user", "another" })
	b := connect(t, e.url(), user)
	states := watch(t, b)
	states.says(t, "uthorization")
	e.stop()
	states.says(t, "refused")
	e.start(t)
	states.says(t, "uthorization")
	e.stop()
	e.opts.Password = "password"
	e.start(t)
	states.up(t)
}
