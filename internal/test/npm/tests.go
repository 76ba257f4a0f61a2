package npm

import (
	"embed"
	"path/filepath"

	"github.com/wsgate/wsgate/internal/test/need"
)

//go:embed package.json package-lock.json
var files embed.FS

// ForTests are the packages that tests use. To add one, name it with its version in package.json, and have npm write the
// lock file without the address of a registry: npm install --package-lock-only --omit-lockfile-registry-resolved.
var ForTests = Packages{Folder: "wsgate-test", Files: files, How: "go run ./internal/test/npm/install"}

// Modules returns the node_modules folder that has the packages. If they are not installed, the test ends as by
// need.Missing. Programs find them with a symbolic link of that name beside them.
func Modules(t need.TB, packages ...string) string {
	t.Helper()
	versions, err := ForTests.Versions()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range packages {
		if versions[name] == "" {
			t.Fatal("internal/test/npm/package.json does not name " + name)
		}
	}
	if err := ForTests.Check(); err != nil {
		need.Missing(t, err.Error())
	}
	dir, err := ForTests.Dir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "node_modules")
}
