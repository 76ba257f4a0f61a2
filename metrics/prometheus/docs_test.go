package prometheus_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"

	"github.com/wsgate/wsgate/metrics/prometheus"
)

var inDesc = regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)

// described returns the labels of each metric.
func described(t *testing.T) map[string][]string {
	t.Helper()
	descs := make(chan *client.Desc)
	go func() {
		defer close(descs)
		prometheus.New(nil).Describe(descs)
	}()
	metrics := map[string][]string{}
	for desc := range descs {
		m := inDesc.FindStringSubmatch(desc.String())
		if m == nil {
			t.Fatalf("what are the name and the labels of %s", desc)
		}
		metrics[m[1]] = strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' })
	}
	return metrics
}

// The page on operations lists every metric with its labels, and no other.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	want := described(t)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.HasPrefix(cells[1], " `wsgate_") {
			continue
		}
		name := strings.Trim(cells[1], " `")
		labels, ok := want[name]
		if !ok {
			t.Errorf("docs/operations.md has %s, which is not exported, or has it twice", name)
			continue
		}
		delete(want, name)
		var listed []string
		for label := range strings.SplitSeq(cells[2], ",") {
			if label = strings.Trim(label, " `"); label != "" {
				listed = append(listed, label)
			}
		}
		if !slices.Equal(listed, labels) {
			t.Errorf("docs/operations.md has %s with the labels %q, want %q", name, listed, labels)
		}
	}
	for name := range want {
		t.Errorf("docs/operations.md does not list %s", name)
	}
}
