//go:build !wsgate_noparking

package transport_test

const noParking = false
