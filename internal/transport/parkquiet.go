//go:build !wsgate_parkatonce

package transport

// parkAtOnce is set by a build tag for tests.
const parkAtOnce = false
