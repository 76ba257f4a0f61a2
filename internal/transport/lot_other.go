//go:build !linux || wsgate_noparking

package transport

import "sync/atomic"

// canPark says that connections are not parked.
const canPark = false

type lot struct{ parked atomic.Int64 }

func (*lot) watch(*Conn) bool { return false }
func (*lot) leave(*Conn)      {}
func (*lot) stop()            {}

type lead struct{}

func (*lead) giveUp() {}
