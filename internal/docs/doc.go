// Package docs holds the test that compiles the Go code in the documents.
package docs
