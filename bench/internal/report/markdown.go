//go:build linux

package report

import (
	"strings"
	"unicode/utf8"
)

// markdown lays out a table so that it reads well unrendered, too: the first
// column to the left, the others to the right.
func markdown(head []string, rows [][]string) string {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, text := range row {
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, text := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
			if i == 0 {
				b.WriteString("| " + text + pad + " |")
			} else {
				b.WriteString(" " + pad + text + " |")
			}
		}
		b.WriteString("\n")
	}
	line(head)
	for i := range head {
		if i == 0 {
			b.WriteString("|" + strings.Repeat("-", width[i]+2) + "|")
		} else {
			b.WriteString(strings.Repeat("-", width[i]+1) + ":|")
		}
	}
	b.WriteString("\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
