// Package hookname defines the names of a gateway's hooks, and names that are likely mistakes for them.
package hookname

import (
	"slices"
	"strings"
)

// All are the hooks' names.
var All = []string{"OnUpgrade", "OnOpen", "OnMessage", "OnRefresh", "OnClose", "Events"}

// Table is the hook that returns a table of events. Singular is a likely mistake for it, but may also be intended for
// something else: the result type of such a method tells.
const Table, Singular = "Events", "Event"

// Instead maps names from other libraries to hooks.
var Instead = map[string]string{
	"OnConnect":      "OnOpen",
	"OnConnection":   "OnOpen",
	"OnConnected":    "OnOpen",
	"OnDisconnect":   "OnClose",
	"OnDisconnected": "OnClose",
	"OnError":        "OnClose, whose error says why a connection ended, or middleware, which sees every handler's error",
	"OnEvent":        "Events",
	"OnEvents":       "Events",
	"Onmessage":      "OnMessage",
	"Onopen":         "OnOpen",
	"Onclose":        "OnClose",
	"OnUpgraded":     "OnUpgrade",
}

// Near returns the hook that a similar name is likely meant to be: a name from another library, a hook's name in
// another case, or one with up to two wrong letters, for Events one. It returns "" for every other name, including the
// hooks' own and Singular.
func Near(name string) string {
	if slices.Contains(All, name) || name == Singular {
		return ""
	}
	if hook := Instead[name]; hook != "" {
		return hook
	}
	folded := strings.ToLower(name)
	for _, hook := range All {
		want, most := strings.ToLower(hook), 1
		if strings.HasPrefix(want, "on") {
			if most = 2; !strings.HasPrefix(folded, "on") {
				continue
			}
		}
		if distance(folded, want) <= most {
			return hook
		}
	}
	return ""
}

// distance returns the Levenshtein distance of a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
