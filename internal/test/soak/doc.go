// Package soak loads an App over TCP with publishers, subscribers that come and go, and slow and dead clients. It
// checks that every delivery is accounted for and, for as long as it is told to, that nothing grows.
package soak
