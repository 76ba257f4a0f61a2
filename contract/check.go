package contract

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wsgate/wsgate"
)

// TB is what [Check] uses of a testing.TB. This package does not import testing, which has no place in a server.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// updateVariable is the environment variable that has Check write the files. It works for all packages at once, while a flag is
// an error in those that do not know it.
const updateVariable = "WSGATE_UPDATE"

// Check compares the contract of an App with files: the document in those whose name ends in .json, and the types for TypeScript
// in those that end in .ts. Names are relative to the package's directory.
//
//	var _ = flag.Bool("update", false, "write the contract")
//
//	func TestContract(t *testing.T) {
//		contract.Check(t, wstest.New(t, chat.Module).App, "api/asyncapi.json", "web/src/chat.ts")
//	}
//
// The test fails if a file does not say what the App does. If the difference would break clients of the old contract, it lists
// how; else it says that the file is out of date. Run with -update it writes the files instead. The flag is the test's own, since
// many packages have one of that name, for files of theirs, and a second one would be a panic: any boolean flag "update" counts.
// The environment variable WSGATE_UPDATE=1 does the same without a flag.
func Check(t TB, app *wsgate.App, files ...string) {
	t.Helper()
	Info{}.Check(t, app, files...)
}

// Check is the function [Check] with this information in the document.
func (i Info) Check(t TB, app *wsgate.App, files ...string) {
	t.Helper()
	d, err := i.New(app)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	if len(files) == 0 {
		t.Errorf("contract: no files\n\twant names that end in .json or .ts, such as api/asyncapi.json")
	}
	for _, name := range files {
		var err error
		switch filepath.Ext(name) {
		case ".json":
			err = d.checkFile(t, name, d.JSON())
		case ".ts":
			module, _ := d.TypeScript()
			err = d.checkFile(t, name, module)
		default:
			err = fmt.Errorf("contract: %s\n\twant a name that ends in .json or .ts", name)
		}
		if err != nil {
			t.Errorf("%v", err)
		}
	}
}

// checkFile compares a file with what should be in it, or writes it.
func (d *Document) checkFile(t TB, name string, want []byte) error {
	t.Helper()
	if updating() {
		return writeFile(t, name, want)
	}
	have, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("contract: %s is not there yet\n\t%s", name, howToUpdate())
	case err != nil:
		return fmt.Errorf("contract: %w", err)
	}
	have = bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n")) // as git checks it out on Windows
	if bytes.Equal(have, want) {
		return nil
	}
	if filepath.Ext(name) != ".json" {
		return fmt.Errorf("contract: %s is out of date\n\t%s", name, howToUpdate())
	}
	old, err := Parse(have)
	if err != nil {
		return fmt.Errorf("%w, in %s\n\t%s", err, name, howToUpdate())
	}
	if text := breaking(Diff(old, d)); text != "" {
		return fmt.Errorf("contract: clients of %s break:\n%s\tif they need not work any more: %s", name, text, howToUpdate())
	}
	return fmt.Errorf("contract: %s is out of date; nothing that is new breaks clients\n\t%s", name, howToUpdate())
}

// breaking lists the changes that break clients, one in a line.
func breaking(changes []Change) string {
	var text strings.Builder
	for _, c := range changes {
		if c.Breaking {
			fmt.Fprintf(&text, "\t%s\n", c)
		}
	}
	return text.String()
}

func writeFile(t TB, name string, text []byte) error {
	t.Helper()
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	if err := os.WriteFile(name, text, 0o666); err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	t.Logf("contract: wrote %s", name)
	return nil
}

// updating reports whether the files are to be written.
func updating() bool {
	if os.Getenv(updateVariable) != "" {
		return true
	}
	f := flag.Lookup("update")
	if f == nil {
		return false
	}
	value, ok := f.Value.(flag.Getter)
	if !ok {
		return false
	}
	set, ok := value.Get().(bool)
	return ok && set
}

func howToUpdate() string {
	if f := flag.Lookup("update"); f != nil {
		return "run the test with -update"
	}
	return "run the test with " + updateVariable + `=1; or with -update, if the test has a flag: var _ = flag.Bool("update", false, "write the contract")`
}
