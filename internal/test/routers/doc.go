// Package routers tests an App that is mounted in the routers of others, which use what belongs to a request again for the
// next one as soon as its handler has returned.
package routers
