//go:build linux

package report

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/wsgate/wsgate/bench/internal/contender"
	"github.com/wsgate/wsgate/bench/internal/workload"
)

//go:embed readme.tmpl
var readmeText string

var readme = template.Must(template.New("readme").Parse(readmeText))

// Readme is everything that the report says.
type Readme struct {
	Machine    Machine
	Rounds     int
	Duration   string
	Contenders []*contender.Contender
	Missing    []string // contenders that could not run, with the reason
	Workloads  []workload.Workload
	Results    *Results
}

// WriteTo writes the report as Markdown.
func (r Readme) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	if err := readme.Execute(&b, r); err != nil {
		return 0, fmt.Errorf("writing the report: %w", err)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// Server describes a contender in a line.
func (r Readme) Server(c *contender.Contender) string {
	return fmt.Sprintf("**%s** (%s, %s): %s", c.Name, c.Module, Version(c), c.About)
}

// Table is the table of one workload.
func (r Readme) Table(w workload.Workload) string { return r.Results.Table(w, r.Contenders) }

// Failures explains the marks in the table of one workload.
func (r Readme) Failures(w workload.Workload) []string { return r.Results.Failures(w, r.Contenders) }
