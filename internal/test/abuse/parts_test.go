package abuse

import (
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	// parts is how many processes share the rows. Most of a row's time is spent on waiting for limits to be over; but each
	// watches the heap and the goroutines of its process, so that in one process they run one after the other.
	parts = 3

	// partVariable is the environment variable that has the test binary run the rows of one part, by their numbers.
	partVariable = "WSGATE_ABUSE_PART"
)

// wantsParts reports whether other processes are to run the rows. Whoever chooses rows, looks at their figures or asks
// what they cover gets one process.
func wantsParts() bool {
	return os.Getenv(partVariable) == "" && !strings.Contains(flag.Lookup("test.run").Value.String(), "/") &&
		!testing.Verbose() && testing.CoverMode() == ""
}

// isOurs reports whether this process runs the row.
func (r *row) isOurs() bool {
	part := os.Getenv(partVariable)
	return part == "" || part == strconv.Itoa(r.n%parts)
}

// runInParts runs TestRow in as many processes as there are parts.
func runInParts(t *testing.T, self string) {
	var all sync.WaitGroup
	defer all.Wait()
	for part := range parts {
		all.Go(func() {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestRow$", "-test.timeout="+flag.Lookup("test.timeout").Value.String())
			cmd.Env = append(os.Environ(), partVariable+"="+strconv.Itoa(part))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("part %d: %v\n%s", part, err, out)
			}
		})
	}
}
