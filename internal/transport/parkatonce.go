//go:build wsgate_parkatonce

package transport

// parkAtOnce parks every connection that can be parked as soon as it waits for a message. The tests run this way, too.
const parkAtOnce = true
