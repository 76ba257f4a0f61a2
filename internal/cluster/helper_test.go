package cluster_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// rest waits for fake time. It makes no timers for no time: the race detector of go1.26 does not survive many of them in
// a bubble.
func rest(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// ignore takes any message.
func ignore(cluster.Message) {}

// member is a started node whose events are noted.
type member struct {
	*cluster.Node
	happened kit.Journal
	asked    func(body []byte) // nil does nothing
	says     map[string]bool   // the requests that it answers with yes
	left     sync.Once
}

// leave has the node leave its cluster, once.
func (m *member) leave() { m.left.Do(m.Close) }

// start starts a node. It leaves its cluster at the end of the test.
func start(t testing.TB, broker cluster.Broker) *member {
	t.Helper()
	m := &member{Node: cluster.New(broker, 1<<20)}
	err := m.Start(t.Context(), false, cluster.Events{
		State:   func(err error) { m.happened.Add("state %v", err) },
		Dead:    func(node string) { m.happened.Add("dead %s", node) },
		Revived: func() { m.happened.Add("revived") },
		OnRequest: func(body []byte) (yes, ok bool) {
			m.happened.Add("asked %s", body)
			if m.asked != nil {
				m.asked(body)
			}
			return m.says[string(body)], true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.leave)
	return m
}

// request makes a request to whose answers nobody listens.
func request(ctx context.Context, n interface {
	Request(context.Context, []byte) (bool, error)
}, body []byte,
) error {
	_, err := n.Request(ctx, body)
	return err
}
