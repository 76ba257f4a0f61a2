// Package docs holds the tests of the documents: their Go code compiles and its tests pass, their client in JavaScript
// works, what they say of the wire is so, and their links lead somewhere.
package docs
