package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// run runs the command that the arguments name, and prints its error.
func (t *tool) run(ctx context.Context, args []string) int {
	root := t.root()
	root.SetArgs(slices.Concat([]string{}, args)) // nil would mean os.Args
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(err)
	switch code {
	case exitOK:
	case exitAnswer: // print only the server's words
		fmt.Fprintln(t.stderr, oneLine(err.Error()))
	case exitUsage:
		t.note(cmd, "%v; see %s --help", err, cmd.CommandPath())
	default:
		t.note(cmd, "%v", err)
	}
	return code
}

// note prints a progress line.
func (t *tool) note(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(t.stderr, "%s: %s\n", cmd.CommandPath(), oneLine(fmt.Sprintf(format, args...)))
}

func (t *tool) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "wsgate",
		Short: "Talk to WebSocket gateways",
		Long:  "wsgate talks to WebSocket gateways: it calls events, listens, measures, and reads contracts.",
		Example: `  wsgate call ws://localhost:3100/ws history '{"room":"general"}'
  wsgate listen ws://localhost:3100/ws
  wsgate bench ws://localhost:3100/ws --event history --connections 50
  wsgate gen ts http://localhost:3100/asyncapi.json --output chat.ts`,
		Version:       version(),
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // otherwise cobra reports unknown commands itself, in several lines
		RunE:          unknownCommand,
	}
	root.SetIn(t.stdin)
	root.SetOut(t.stdout)
	root.SetErr(t.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(t.call(), t.listen(), t.bench(), t.contract(), t.gen(), t.version())
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.RunE = unknownShell
			cmd.Args = cobra.ArbitraryArgs
		}
	}
	return root
}

// flagError adds a hint for a payload that is a negative number.
func flagError(_ *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%w; after -- nothing is a flag", err)
	}
	return err
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("a command is missing: %s", strings.Join(subcommands(cmd), ", "))
	}
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return fmt.Errorf("unknown command %q, did you mean %q?", args[0], like[0])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// unknownShell makes completion without a valid shell an error: cobra would print help and succeed.
func unknownShell(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("a shell is missing: %s", strings.Join(subcommands(cmd), ", "))
	}
	return fmt.Errorf("unknown shell %q: %s", args[0], strings.Join(subcommands(cmd), ", "))
}

func subcommands(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			names = append(names, sub.Name())
		}
	}
	return names
}

// takes requires one argument for each name. Names in brackets are last and optional.
func takes(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return fmt.Errorf("unexpected argument %q; quote an argument with spaces", args[len(names)])
		}
		if len(args) < len(names) && !strings.HasPrefix(names[len(args)], "[") {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		return nil
	}
}

// positive refuses a duration that is not positive.
func positive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("--%s %v: must be more than 0, such as 5s", flag, d)
	}
	return nil
}
