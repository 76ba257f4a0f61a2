package cluster_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/cluster"
)

// allowed is what a wsgate.Broker is promised of topics, but for their length.
var allowed = regexp.MustCompile(`^[a-zA-Z0-9_=-]+(\.[a-zA-Z0-9_=-]+)*$`)

var oddNames = []string{
	"", " ", "  ", ".", "..", "a", "A", "a.b", "a..b", ".a", "a.", "a.*", "*", ">", "a.>", "**", "$SYS", "_INBOX.x", "-", "_",
	"=", "==", "=2", "=2E", "=2e", "=3D", "=3D2E", "a=", "%2E", "\r\nPUB x 1\r\n\r\n", "\n", "\t", "\x00", "a\x00", "\x00a", "\x7f",
	"\xff", "\xff\xfe", "\xc3", "\xc3\x28", "\xed\xa0\x80", "😀", "\U0001F469\u200d\U0001F469", "é", "e\u0301", "ﬁ", "fi", "K", "\u212a",
	"\u200b", "\ufeff", "\u202e", "../../etc/passwd", "/", "a/b", "{a}", "[a]", "a*b", "a?b", "a\\b", `"`, "'",
	strings.Repeat("x", 255), strings.Repeat("x", 254), strings.Repeat(".", 255), strings.Repeat("\xff", 255), strings.Repeat("=", 255),
	strings.Repeat("x", 765), strings.Repeat("x", 766), strings.Repeat("x", 765) + ".", strings.Repeat(".", 256), strings.Repeat("\xff", 10_000),
}

func TestTopicsOfOddNames(t *testing.T) {
	seen := map[string]string{}
	for _, name := range oddNames {
		checkTopic(t, name, "b")
		topic := cluster.Topic("room", name)
		if other, taken := seen[topic]; taken {
			t.Errorf("%+q and %+q have the topic %s", name, other, topic)
		}
		seen[topic] = name
	}
	for _, name := range oddNames {
		for _, other := range oddNames {
			if topic := cluster.Topic("room", name, other); topic == cluster.Topic("room", other, name) && name != other {
				t.Errorf("%+q, %+q and the other way round have the topic %s", name, other, topic)
			} else if of, taken := seen[topic]; taken {
				t.Errorf("%+q, %+q have the topic of %+q", name, other, of)
			}
		}
	}
}

// checkTopic checks that the topic of two parts is one, and leads back to them unless they are too long for that.
func checkTopic(t *testing.T, a, b string) {
	t.Helper()
	topic := cluster.Topic("kind", a, b)
	if !allowed.MatchString(topic) || len(topic) > 2048 {
		t.Errorf("%+q, %+q: got the topic %+q, which no engine has to take", a, b, topic)
	}
	tokens := strings.Split(topic, ".")
	if len(tokens) != 3 || tokens[0] != "kind" || tokens[1] != cluster.Token(a) || tokens[2] != cluster.Token(b) {
		t.Fatalf("%+q, %+q: got the tokens %q, want kind and one of each", a, b, tokens)
	}
	for i, want := range []string{a, b} {
		got, ok := cluster.Part(tokens[i+1])
		if tooLong := len(want) > 255 && strings.HasPrefix(tokens[i+1], "=="); ok == tooLong || ok && got != want {
			t.Errorf("%+q: got %+q, %v back from %s", want, got, ok, tokens[i+1])
		}
	}
}

// A token that stands for nothing is not taken for the one that it resembles.
func TestTokensThatAreNone(t *testing.T) {
	for _, token := range []string{
		"", "==", "a=", "=2", "=2E=", "=2e", "=G0", "=0G", "=41", "=61", "=30", "=2D", "=5F", ".", "a.b", " ", "*", ">", "a b", "é", "\xff", "\x00", "=C3=A9=",
	} {
		if part, ok := cluster.Part(token); ok {
			t.Errorf("%+q: got %+q, want none", token, part)
		}
	}
}

// FuzzTopic: any two parts make a topic that an engine takes and that leads back to them, and what is no token of a part
// is not taken for one.
func FuzzTopic(f *testing.F) {
	for i, name := range oddNames {
		f.Add(name, oddNames[len(oddNames)-1-i])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		checkTopic(t, a, b)
		if a != b && cluster.Topic("kind", a) == cluster.Topic("kind", b) {
			t.Errorf("%+q and %+q have the same topic", a, b)
		}
		if part, ok := cluster.Part(a); ok && cluster.Token(part) != a {
			t.Errorf("token %+q stands for %+q, whose token is %s", a, part, cluster.Token(part))
		}
	})
}
