package npm_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/npm"
)

const root = "../../.."

// ended is a test that keeps how it ended.
type ended struct{ how string }

func (*ended) Helper()             {}
func (e *ended) Skip(args ...any)  { e.end("skip: ", args) }
func (e *ended) Fatal(args ...any) { e.end("fatal: ", args) }

func (e *ended) end(how string, args []any) {
	e.how = how + fmt.Sprint(args...)
	runtime.Goexit()
}

// modules calls npm.Modules for a test of its own.
func modules(packages ...string) (dir, how string) {
	e, done := new(ended), make(chan struct{})
	go func() {
		defer close(done)
		dir = npm.Modules(e, packages...)
	}()
	<-done
	return dir, e.how
}

// emptyCache makes the user's cache folder another one, and returns it.
func emptyCache(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func TestModules(t *testing.T) {
	lock := string(read(t, "package-lock.json"))
	const away = "not installed: the npm packages of wsgate-test "
	for _, tt := range []struct {
		name, installed, require string
		packages                 []string
		how                      string
	}{
		{"nothing", "", "", []string{"graphql-ws"}, "skip: " + away + "(go run ./internal/test/npm/install does it)"},
		{"nothing, and it has to be", "", "1", nil, "fatal: " + away + "(go run ./internal/test/npm/install does it), and WSGATE_REQUIRE_ALL is set"},
		{"other versions", "{}", "", nil, "skip: " + away + "in the versions of package-lock.json (go run ./internal/test/npm/install does it)"},
		{"everything", lock, "1", []string{"graphql-ws", "graphql"}, ""},
		{"a package that nobody pins", lock, "", []string{"graphql-ws", "left-pad"}, "fatal: internal/test/npm/package.json does not name left-pad"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cache := emptyCache(t)
			t.Setenv("WSGATE_REQUIRE_ALL", tt.require)
			folder, want := filepath.Join(cache, "wsgate-test"), ""
			if tt.installed != "" {
				write(t, filepath.Join(folder, "node_modules", "installed-lock.json"), tt.installed)
			}
			if tt.how == "" {
				want = filepath.Join(folder, "node_modules")
			}
			if dir, how := modules(tt.packages...); dir != want || how != tt.how {
				t.Errorf("got %q, %q, want %q, %q", dir, how, want, tt.how)
			}
			if _, err := os.Stat(folder); tt.installed == "" && err == nil {
				t.Errorf("a test that was skipped has left %s behind", folder)
			}
		})
	}
}

// What npm has not finished is not installed; what is there is not fetched again.
func TestInstall(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the npm of this test is a shell script")
	}
	emptyCache(t)
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	install := func(script string) error {
		write(t, filepath.Join(bin, "npm"), "#!/bin/sh\n"+script+"\n")
		return npm.ForTests.Install(t.Context())
	}
	for _, tt := range []struct {
		name, npm string
		ok        bool
	}{
		{"fails", "exit 1", false},
		{"succeeds", `[ "$1 $2" = "ci --ignore-scripts" ] && [ -s package.json ] && [ -s package-lock.json ] && mkdir node_modules`, true},
		{"is not run", "exit 1", true},
	} {
		if err := install(tt.npm); (err == nil) != tt.ok {
			t.Errorf("%s: got %v", tt.name, err)
		}
		if err := npm.ForTests.Check(); (err == nil) != tt.ok {
			t.Errorf("%s: installed: %v", tt.name, err)
		}
	}
}

// Every package with dependencies has a lock file, which names versions and sums, and no registry, so that each machine
// uses its own. The versions in package.json are exact, and those of the lock file.
func TestLockFiles(t *testing.T) {
	var locks []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.Name() == "package.json":
			var manifest struct{ Dependencies, DevDependencies map[string]string }
			if decode(t, path, &manifest); len(manifest.Dependencies)+len(manifest.DevDependencies) > 0 {
				locks = append(locks, filepath.Join(filepath.Dir(path), "package-lock.json"))
			}
		}
		return nil
	})
	if err != nil || len(locks) < 2 {
		t.Fatalf("got %q, %v, want those of the tests and of the benchmarks", locks, err)
	}
	for _, path := range locks {
		var lock struct {
			Packages map[string]struct{ Version, Resolved, Integrity string }
		}
		decode(t, path, &lock)
		for name, p := range lock.Packages {
			if p.Resolved != "" || name != "" && (p.Version == "" || !strings.HasPrefix(p.Integrity, "sha512-")) {
				t.Errorf("%s: %s has version %q, sum %q, resolved %q; want the first two", path, name, p.Version, p.Integrity, p.Resolved)
			}
		}
		var manifest struct{ Dependencies map[string]string }
		decode(t, filepath.Join(filepath.Dir(path), "package.json"), &manifest)
		for name, version := range manifest.Dependencies {
			if have := lock.Packages["node_modules/"+name].Version; have != version {
				t.Errorf("%s: %s has %q, want the %q of package.json", path, name, have, version)
			}
		}
	}
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
