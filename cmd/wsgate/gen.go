package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func (t *tool) gen() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "gen",
		Short:   "Write the types of a contract in another language",
		Long:    "gen writes the types of a contract in another language. TypeScript is the one that there is.",
		Example: "  wsgate gen ts http://localhost:3100/asyncapi.json -o chat.ts",
		Args:    cobra.ArbitraryArgs, // otherwise cobra prints help and succeeds
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("a language is missing: ts")
			}
			return fmt.Errorf("unknown language %q: ts", args[0])
		},
	}
	cmd.AddCommand(t.genTS())
	return cmd
}

func (t *tool) genTS() *cobra.Command {
	var source sourceFlags
	var file string
	cmd := &cobra.Command{
		Use:   "ts URL|FILE",
		Short: "Write the types of a contract in TypeScript",
		Long: `ts gets a contract from a server or a file, as wsgate contract does, and prints it as a
module of TypeScript: an interface for each route and for each type in it, and no code
that runs. For a program in JavaScript they are types for its comments in JSDoc.

What JavaScript cannot hold exactly is on stderr: integers of 64 bits.

Exit codes:
  0    printed, or written
  1    the server answered with an error, or with something else
  2    the command line is wrong, or the file
  3    no connection
  4    no answer in time
  5    stdout, or the file of --output, cannot be written
  130  interrupted`,
		Example: `  wsgate gen ts http://localhost:3100/asyncapi.json --output web/src/chat.ts
  wsgate gen ts api/asyncapi.json > chat.d.ts`,
		Args: takes("URL|FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := source.read(cmd.Context(), args[0], t.stdin)
			if err != nil {
				return err
			}
			module, rounded := d.TypeScript()
			if len(rounded) > 0 {
				t.note(cmd, "JavaScript rounds integers of 64 bits beyond 2^53; the tag `json:\",string\"` makes one a string: %s", strings.Join(rounded, ", "))
			}
			if file == "" {
				return output(t.stdout, strings.TrimSuffix(string(module), "\n"))
			}
			if err := os.WriteFile(file, module, 0o666); err != nil {
				return failf(exitOutput, "writing the output: %w", err)
			}
			return nil
		},
	}
	source.register(cmd.Flags())
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this `file`")
	return cmd
}
