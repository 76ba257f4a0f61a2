// Package conformance checks the server against RFC 6455 and RFC 7692 with raw frames. Its cases cover what the Autobahn
// test suite's sections 1 to 7, 9, 10, 12 and 13 cover; each has a number in the section of that name.
package conformance
