package promql_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/wsgate/wsgate/metrics/prometheus"
)

const root = "../../../"

var promql = parser.NewParser(parser.Options{})

// exported returns the labels of each series that is exported, and those that Prometheus adds when it scrapes.
func exported() map[string][]string {
	descs := make(chan *client.Desc)
	go func() {
		defer close(descs)
		prometheus.New(nil).Describe(descs)
	}()
	series := map[string][]string{}
	for desc := range descs {
		m := inDesc.FindStringSubmatch(desc.String())
		labels := append(strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' }), "instance", "job")
		series[m[1]] = labels
		if strings.HasSuffix(m[1], "_seconds") { // the only histogram
			delete(series, m[1])
			series[m[1]+"_sum"], series[m[1]+"_count"] = labels, labels
			series[m[1]+"_bucket"] = append(labels, "le")
		}
	}
	return series
}

var inDesc = regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)

// check returns what is wrong with a query: its syntax, a metric that is not exported, or a label that it does not have.
// used gets the metrics.
func check(query string, used map[string]bool) error {
	expr, err := promql.ParseExpr(query)
	if err != nil {
		return err
	}
	series := exported()
	var selected []string // labels of the metrics in the query
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		labels, ok := series[selector.Name]
		if !ok {
			err = fmt.Errorf("%s is not exported", selector.Name)
			return nil
		}
		used[selector.Name] = true
		selected = append(selected, labels...)
		for _, m := range selector.LabelMatchers {
			if m.Name != model.MetricNameLabel && !slices.Contains(labels, m.Name) {
				err = fmt.Errorf("%s has no label %s", selector.Name, m.Name)
			}
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if by, ok := node.(*parser.AggregateExpr); ok {
			for _, label := range by.Grouping {
				if !slices.Contains(selected, label) {
					err = fmt.Errorf("nothing in the query has the label %s", label)
				}
			}
		}
		return nil
	})
	return err
}

// A wrong query is found out.
func TestCheck(t *testing.T) {
	for _, wrong := range []string{
		`sum(`, `rate(wsgate_connections)`, `wsgate_unknown`, `wsgate_connections{colour="red"}`,
		`sum by (colour) (wsgate_connections)`, `wsgate_handler_duration_seconds`, `wsgate_writes_total{le="1"}`,
	} {
		if check(wrong, map[string]bool{}) == nil {
			t.Errorf("%s passes for right", wrong)
		}
	}
	if err := check(`sum by (instance, route) (rate(wsgate_writes_total{job="x"}[5m]))`, map[string]bool{}); err != nil {
		t.Error(err)
	}
}

// Every query of the dashboard is valid and asks for what is exported, and everything that is exported is on it.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(root + "metrics/prometheus/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q has no query", panel.Title)
		}
		for _, target := range panel.Targets {
			if err := check(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"), used); err != nil {
				t.Errorf("panel %q: %v\n%s", panel.Title, err, target.Expr)
			}
		}
	}
	variables := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	for _, v := range dashboard.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := variables.FindStringSubmatch(v.Query)
		if m == nil || !slices.Contains(exported()[m[1]], m[2]) {
			t.Errorf("variable %s: %s is not a label of a metric", v.Name, v.Query)
		}
	}
	for name := range exported() {
		if !used[name] && !strings.HasSuffix(name, "_seconds_count") {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// Prometheus would load the alert rules of the page on operations, and they ask for what is exported.
func TestAlertRules(t *testing.T) {
	page, err := os.ReadFile(root + "docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	rules, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the page has no rules")
	}
	groups, errs := rulefmt.Parse([]byte(rules), false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	n := 0
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			n++
			if err := check(rule.Expr, map[string]bool{}); err != nil {
				t.Errorf("alert %s: %v\n%s", rule.Alert, err, rule.Expr)
			}
		}
	}
	if n == 0 {
		t.Error("there are no rules")
	}
}
