package nodes_test

import (
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// A user who moves from a node that shuts down to another has two connections for a moment. The others do not hear of
// that, and it is not against the limit of one connection.
func TestMoveOfUser(t *testing.T) {
	for name, oldest := range map[string]bool{"one connection": false, "the newest connection": true} {
		kit.Bubble(t, name, func(t *testing.T) {
			apps := startVisitors(t, new(local.Broker), 3, func(o *wsgate.Options) {
				o.Limits.UserConnections, o.CloseOldest = 1, oldest
			})
			watching := arrive(apps[0], "ann", "lobby")
			wantNews(t, watching, "all +ann:ANN =1")
			old := arrive(apps[1], "bob", "lobby")
			wantNews(t, watching, "+bob:BOB =2")
			ended := make(chan error, 1)
			go func() { ended <- apps[1].Shutdown(t.Context()) }()
			wstest.ExpectReconnect(old)
			moved := arrive(apps[2], "bob", "lobby")
			wstest.Pass(3 * time.Second)
			old.Close(websocket.StatusNormalClosure, "")
			if err := <-ended; err != nil {
				t.Error(err)
			}
			wstest.Pass(time.Minute)
			wstest.Quiet(watching)
			if got := members(t, apps[0], "lobby"); got != members(t, apps[2], "lobby") {
				t.Errorf("the nodes disagree: %s", got)
			}
			wstest.Do(moved, enter, "lobby")
		})
	}
}
