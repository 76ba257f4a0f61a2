// Package docs tests the documents: their Go code compiles and its tests pass, their JavaScript client works, what
// they say about the wire is true, and their links lead somewhere.
package docs
