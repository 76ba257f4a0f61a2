package clustertest

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/test/parallel"
)

var (
	seedFlag     = flag.Uint64("seed", 0, "of the random schedules; 0 takes the clock")
	messagesFlag = flag.Int("messages", 300, "how many lines each client of TestHistory says")
	awayFlag     = flag.Duration("away", 3*time.Second, "how long TestEngineKilled leaves the engine away")
	floodFlag    = flag.Int("flood", 0, "how many lines are said beside a flood, one a millisecond; 0 is for some, and skips what takes all processors")
	measureFlag  = flag.Bool("measure", false, "have TestMeasure measure, which takes a minute and wants a quiet machine")
)

// patience is how long what has to happen may take, if nothing is promised about that.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if role, config, ok := ownRole(); ok {
		if err := play(role, config); err != nil {
			fmt.Println(err) // for the process that has started this one
			os.Exit(1)
		}
		return
	}
	parallel.AtLeast(8)
	os.Exit(leak.Check(m.Run))
}
