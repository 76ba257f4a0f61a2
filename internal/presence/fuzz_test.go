package presence_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/presence"
	"github.com/wsgate/wsgate/wstest"
)

// FuzzForeign: whatever others put into the store and send as deltas, users stay within the limits, what is refused
// changes nothing, and members are told what Members returns.
func FuzzForeign(f *testing.F) {
	ann := "\x03ann\x07\x02{}"
	f.Add("there.bob", []byte("\x05{}"), []byte("\x01\x01"+ann))
	f.Add("there.bob", []byte("\x05{}"), []byte("\x02\x00\x03bob\x01"+ann))
	f.Add("there.me", []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01null"), []byte("\x01\x01"+ann+"\x01"))
	f.Add("bob", []byte{}, []byte{})
	f.Add(".", []byte{1}, []byte("\x01\x01\x00"))
	f.Add("there.bob", []byte("\x01garbage"), []byte("\x01\x01\x03eve\x07\x03\"\xff\""))
	f.Add("here.me", []byte("\x01{}"), []byte("\x01\x01\xff\x01"))
	f.Fuzz(func(t *testing.T, row string, value, delta []byte) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(0)
			e.tables["red"] = map[string][]byte{row: value}
			n := e.start("here")
			n.Enter("red", 1, "me", []byte(`{}`))
			n.crowd.add(1, "red", "me")
			wstest.Pass(time.Second)
			before := n.present(t)
			taken := n.Receive("red", "there", delta)
			after := n.present(t)
			if !taken && !maps.Equal(before, after) {
				t.Errorf("a delta that was refused changes %q to %q", before, after)
			}
			if _, ok := after["me"]; !ok {
				t.Errorf("the user of this node is not there: %q", after)
			}
			for user, meta := range after {
				if user == "" || len(user) > 255 || len(meta) > presence.MaxMeta {
					t.Errorf("user of %d bytes with metadata of %d", len(user), len(meta))
				}
				if !json.Valid([]byte(meta)) || !utf8.ValidString(meta) {
					t.Errorf("user %q with metadata %q", user, meta)
				}
			}
			wstest.Pass(time.Second)
			for _, wrong := range slices.Concat(n.crowd.wrong, n.crowd.unlike("red", n.present(t))) {
				t.Error(wrong)
			}
			n.Close(context.Background())
			n.stop()
		})
	})
}

func (n *node) present(t *testing.T) map[string]string {
	members, _, err := n.Members(context.Background(), "red")
	if err != nil {
		t.Error(err)
	}
	present := map[string]string{}
	for user, meta := range members {
		present[user] = string(meta)
	}
	return present
}
