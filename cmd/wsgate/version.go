package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const library = "github.com/wsgate/wsgate"

func (t *tool) version() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Long:              "Prints the versions of this program, of the library whose messages it speaks, and of Go.",
		Example:           "  wsgate version",
		Args:              takes(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return output(t.stdout, version()) },
	}
}

// version returns the version that the go command has recorded in the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo) // built without modules
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	own, wire := info.Main.Version, "of unknown version"
	if own == "" {
		own = "of unknown version"
	}
	for _, dep := range info.Deps {
		if dep.Path != library {
			continue
		}
		wire = dep.Version
		if dep.Replace != nil || dep.Version == "(devel)" { // by a replace, or by the workspace
			wire = "of the same checkout"
		}
	}
	return fmt.Sprintf("wsgate %s (library %s, %s, %s/%s)", own, wire, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
