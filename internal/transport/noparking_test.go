//go:build wsgate_noparking

package transport_test

// noParking says that connections are not parked on any platform.
const noParking = true
