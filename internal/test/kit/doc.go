// Package kit is what the tests of several packages have in common: Apps whose gateways are made of functions, clients
// that fail their test, a log and a journal to look into, and the checks of start-up errors.
package kit
