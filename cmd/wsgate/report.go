package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wsgate/wsgate/cmd/internal/load"
)

// report prints the result of a measurement.
func (b *bencher) report(r *load.Result) error {
	if b.json {
		text, err := json.MarshalIndent(reportOf(r), "", "  ")
		if err != nil {
			return failf(exitOutput, "writing the output: %w", err)
		}
		return output(b.tool.stdout, string(text))
	}
	return output(b.tool.stdout, table(r))
}

// table returns the human-readable result, without the last line break.
func table(r *load.Result) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	}
	row("connections", "opened", "failed", "lost")
	row("", r.Opened, r.Failed, r.Broken)
	row("messages", "sent", "answered", "errors", "lost", "not sent", "other")
	row("", r.Sent, r.Answered, r.Errors, r.Lost, r.NotSent, r.Others)
	row("latency", "p50", "p90", "p99", "p99.9", "max")
	row(quantileCells("", r.Latency)...)
	row("send delay", "p50", "p90", "p99", "p99.9", "max")
	row(quantileCells("", r.Delay)...)
	row("answers/s", fmt.Sprintf("%.1f", r.Rate()))
	if err := w.Flush(); err != nil {
		panic(err) // a strings.Builder does not fail
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func quantileCells(name string, q *load.Quantiles) []any {
	if q == nil {
		return []any{name, "-", "-", "-", "-", "-"}
	}
	return []any{name, short(q.P50), short(q.P90), short(q.P99), short(q.P999), short(q.Max)}
}

// jsonReport is the machine-readable result. Its names are stable.
type jsonReport struct {
	Connections struct {
		Opened int64 `json:"opened"`
		Failed int64 `json:"failed"`
		Lost   int64 `json:"lost"`
	} `json:"connections"`
	Messages struct {
		Sent     int64 `json:"sent"`
		Answered int64 `json:"answered"`
		Errors   int64 `json:"errors"`
		Lost     int64 `json:"lost"`
		NotSent  int64 `json:"not_sent"`
		Other    int64 `json:"other"`
	} `json:"messages"`
	Seconds   float64        `json:"seconds"`
	Rate      float64        `json:"answers_per_second"`
	Latency   *jsonQuantiles `json:"latency_ms"`    // null without answers
	SendDelay *jsonQuantiles `json:"send_delay_ms"` // null if nothing was sent
}

type jsonQuantiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

func reportOf(r *load.Result) *jsonReport {
	report := &jsonReport{
		Seconds: r.Elapsed.Seconds(), Rate: r.Rate(),
		Latency: milliseconds(r.Latency), SendDelay: milliseconds(r.Delay),
	}
	c, m := &report.Connections, &report.Messages
	c.Opened, c.Failed, c.Lost = r.Opened, r.Failed, r.Broken
	m.Sent, m.Answered, m.Errors, m.Lost, m.NotSent, m.Other = r.Sent, r.Answered, r.Errors, r.Lost, r.NotSent, r.Others
	return report
}

func milliseconds(q *load.Quantiles) *jsonQuantiles {
	if q == nil {
		return nil
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return &jsonQuantiles{ms(q.P50), ms(q.P90), ms(q.P99), ms(q.P999), ms(q.Max)}
}
