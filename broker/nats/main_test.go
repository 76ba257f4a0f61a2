package nats_test

import (
	"os"
	"testing"

	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/test/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(8)
	os.Exit(leak.Check(m.Run))
}
