// Package promql has the tests of what is written in the query language of Prometheus: the dashboard and the alert rules.
// It is a module of its own, so that nobody else requires its parser. It has nothing for programs.
package promql
