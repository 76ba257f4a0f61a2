//go:build !linux

package transport

import (
	"net"
	"time"
)

// setUserTimeout does nothing: other systems have no such option, or another one.
func setUserTimeout(net.Conn, time.Duration) {}
