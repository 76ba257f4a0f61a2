// Package routers tests an App that is mounted in other routers. They reuse what belongs to a request for the next one
// as soon as its handler has returned.
package routers
