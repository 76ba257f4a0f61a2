// Package need is for tests that use what not every machine has, such as a browser or a server.
//
// Such a test asks before it starts anything: a skip would end what it had started, in the middle of its work.
package need

import (
	"os"
	"os/exec"
	"strings"
)

// requireAll is the environment variable that forbids tests to skip for want of something, unless it is empty.
const requireAll = "WSGATE_REQUIRE_ALL"

// TB is what is used of a testing.TB. Programs that users link import no package that imports testing.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Program returns the path of the first of the programs, which do the same, that is installed. Without any of them the
// test ends as by Missing.
func Program(t TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "not installed: "+strings.Join(names, " or "))
	return ""
}

// Missing skips the test and says why; where everything has to be there, it fails it. It does not return.
func Missing(t TB, what string) {
	t.Helper()
	if os.Getenv(requireAll) != "" {
		t.Fatal(what + ", and " + requireAll + " is set")
	}
	t.Skip(what)
}
