// Package lifecycle plays random schedules of what can happen to connections, in fake time, and checks the promises of
// package wsgate in each.
package lifecycle
