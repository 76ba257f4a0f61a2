package contract_test

import (
	"os"
	"testing"

	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }
