// Package npm is for tests and benchmarks that run code of npm packages. The packages have the versions of a lock file,
// and are kept in a folder of the user's cache. Nothing is installed while tests run: a command does that.
package npm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Packages are packages that are installed together.
type Packages struct {
	Folder string // its name in the user's cache
	Files  fs.FS  // package.json, which names exact versions, and package-lock.json
	How    string // the command that installs them, for those who do not have them
}

// installedLock is the copy of the lock file that says that all of it has been installed. npm removes it with the rest of
// node_modules before it begins.
const installedLock = "node_modules/installed-lock.json"

// Dir returns the folder where the packages are kept, or will be: it has node_modules.
func (p Packages) Dir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, p.Folder), nil
}

// Versions are the packages that package.json names, with their versions.
func (p Packages) Versions() (map[string]string, error) {
	text, err := fs.ReadFile(p.Files, "package.json")
	if err != nil {
		return nil, err
	}
	var manifest struct{ Dependencies map[string]string }
	err = json.Unmarshal(text, &manifest)
	return manifest.Dependencies, err
}

// Check returns an error unless the packages are installed, in the versions of the lock file.
func (p Packages) Check() error {
	dir, err := p.Dir()
	if err != nil {
		return err
	}
	want, err := fs.ReadFile(p.Files, "package-lock.json")
	if err != nil {
		return err
	}
	have, err := os.ReadFile(filepath.Join(dir, installedLock))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("not installed: the npm packages of %s (%s does it)", p.Folder, p.How)
	case err == nil && !bytes.Equal(have, want):
		return fmt.Errorf("not installed: the npm packages of %s in the versions of package-lock.json (%s does it)", p.Folder, p.How)
	}
	return err
}

// Install fetches the packages with npm, unless they are there. It is all that needs the network. Their install scripts do
// not run: all packages work without, and some would tell others about this machine. What npm says goes to the standard
// error.
func (p Packages) Install(ctx context.Context) error {
	if p.Check() == nil {
		return nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("the packages of %s: %w", p.Folder, err)
	}
	dir, err := p.Dir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := p.copy(name, dir, name); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the packages of %s: npm ci: %w", p.Folder, err)
	}
	return p.copy("package-lock.json", dir, installedLock)
}

// copy writes one of the Files into the folder.
func (p Packages) copy(name, dir, as string) error {
	text, err := fs.ReadFile(p.Files, name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, as), text, 0o644)
}
