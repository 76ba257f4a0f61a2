package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsgate/wsgate/contract"
)

func (t *tool) contract() *cobra.Command {
	var source sourceFlags
	cmd := &cobra.Command{
		Use:   "contract URL|FILE",
		Short: "Print the contract of a server, or compare two",
		Long: `contract gets the AsyncAPI document that a server has at an address, or that is in
a file, checks that it is one of wsgate, and prints it. - reads it from stdin.

The server serves it with contract.Handler of github.com/wsgate/wsgate/contract.

Exit codes:
  0    printed
  1    the server answered with an error, or with something else
  2    the command line is wrong, or the file
  3    no connection
  4    no answer in time
  5    stdout cannot be written
  130  interrupted`,
		Example: `  wsgate contract http://localhost:3100/asyncapi.json
  wsgate contract https://example.com/asyncapi.json --header 'Authorization: Bearer x' > api.json
  wsgate contract api.json`,
		Args: takes("URL|FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := source.read(cmd.Context(), args[0], t.stdin)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(d.JSON())) {
				if err := output(t.stdout, escape([]byte(strings.TrimSuffix(line, "\n")))); err != nil {
					return err
				}
			}
			return nil
		},
	}
	source.register(cmd.Flags())
	cmd.AddCommand(t.contractDiff())
	return cmd
}

func (t *tool) contractDiff() *cobra.Command {
	var source sourceFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what a new contract breaks for clients of an old one",
		Long: `diff compares two contracts, each a file or a URL. It prints a line for each change:
first those that can break clients of OLD with a server that has NEW, beginning with
"breaks", then the others, beginning with "harmless".

Exit codes:
  0    nothing breaks clients
  1    a server answered with an error, or with something else
  2    the command line is wrong, or a file
  3    no connection
  4    no answer in time
  5    stdout cannot be written
  6    something breaks clients
  130  interrupted`,
		Example: `  wsgate contract diff api/asyncapi.json http://localhost:3100/asyncapi.json
  git show main:api/asyncapi.json | wsgate contract diff - api/asyncapi.json`,
		Args: takes("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" && args[1] == "-" {
				return fmt.Errorf("both are -, and there is one stdin")
			}
			var both [2]*contract.Document
			for i, arg := range args {
				var err error
				if both[i], err = source.read(cmd.Context(), arg, t.stdin); err != nil {
					return err
				}
			}
			return t.printChanges(contract.Diff(both[0], both[1]))
		},
	}
	source.register(cmd.Flags())
	return cmd
}

// printChanges prints the changes, and fails if any of them breaks clients.
func (t *tool) printChanges(changes []contract.Change) error {
	broken := 0
	for _, c := range changes {
		word := "harmless"
		if c.Breaking {
			word = "breaks"
			broken++
		}
		if err := output(t.stdout, fmt.Sprintf("%-8s  %v", word, c)); err != nil {
			return err
		}
	}
	if broken > 0 {
		return failf(exitBreaking, "%d of %d changes can break clients", broken, len(changes))
	}
	return nil
}
