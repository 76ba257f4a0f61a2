//go:build !linux && !darwin

package abuse

import (
	"errors"
	"syscall"
)

// setReceiveBuffer leaves the buffer as it is.
func setReceiveBuffer(syscall.RawConn, int) error { return nil }

// limitFiles is not known here.
func limitFiles(int) error { return errors.ErrUnsupported }
