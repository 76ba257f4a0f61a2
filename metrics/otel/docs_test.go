package otel_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/wstest"
)

var inTable = regexp.MustCompile("`([a-z_.]+)`")

// The page on operations lists every metric with its attributes, and no other.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{} // attributes by name
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 {
			continue
		}
		if m := inTable.FindStringSubmatch(cells[3]); m != nil {
			documented[m[1]] += cells[4]
		}
	}
	synctest.Test(t, func(t *testing.T) {
		n := start(t, new(local.Broker), sdktrace.NeverSample(), 0)
		c := n.Dial("/chat")
		wstest.TryAsk(c, ask, 10)
		wstest.Pass(3 * time.Second)
		c.Close(1000, "")
		synctest.Wait()
		exported := map[string]bool{}
		for series := range n.collect(t) {
			name, attributes, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
			exported[name] = true
			listed, ok := documented[name]
			if !ok {
				t.Errorf("docs/operations.md does not list %s", name)
				continue
			}
			for attribute := range strings.SplitSeq(attributes, ",") {
				if key, _, _ := strings.Cut(attribute, "="); key != "" && !strings.Contains(listed, "`"+key+"`") {
					t.Errorf("docs/operations.md lists %s without the attribute %s", name, key)
				}
			}
		}
		for name := range documented {
			if !exported[name] {
				t.Errorf("docs/operations.md has %s, which is not exported", name)
			}
		}
	})
}
