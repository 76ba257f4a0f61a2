package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsgate/wsgate/cmd/internal/load"
)

// bencher is the bench command.
type bencher struct {
	dialFlags
	envelopeFlags
	connections    int
	connectRate    float64
	rate           float64
	duration       time.Duration
	timeout        time.Duration
	event, payload string
	raw            string
	json           bool

	tool   *tool
	cmd    *cobra.Command
	server *server
}

func (t *tool) bench() *cobra.Command {
	b := bencher{tool: t}
	cmd := &cobra.Command{
		Use:   "bench URL",
		Short: "Measure how fast a server answers",
		Long: `bench opens connections, sends messages on each at a steady rate, and tells how
many were answered and how long that took.

--rate is for each connection: 100 connections at 2 messages a second make 200 a
second. With --event each message has an id, and the answer is the message with
the same id. With --raw every message that arrives counts as the answer to the
oldest one that has none, which is right for a server that echoes to the sender
and says nothing else.

The load is open-loop: when each message is due is fixed before, however slow the
server is, and latency counts from that time, not from when the message could be
sent. So a server that stalls pays for every message that was due meanwhile. What
of the latency is this side's delay in sending is in the result as "send delay".
Latency is of answers only: look at errors and lost messages as well.

Exit codes:
  0    the measurement is complete; errors and losses are in its result
  2    the command line is wrong
  3    no connection could be opened
  5    stdout cannot be written
  130  interrupted; the result until then was printed`,
		Example: `  wsgate bench ws://localhost:3100/ws --event history --payload '{"room":"general"}'
  wsgate bench ws://localhost:3100/ws --event history --connections 1000 --rate 0.5 --duration 30s
  wsgate bench ws://localhost:3100/echo --raw hello --json | jq .latency_ms.p99`,
		Args:              takes("URL"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			b.cmd = cmd
			if err := b.check(); err != nil {
				return err
			}
			if b.server, err = b.dialFlags.server(args[0]); err != nil {
				return err
			}
			protocol, err := b.protocol()
			if err != nil {
				return err
			}
			return b.run(cmd.Context(), protocol)
		},
	}
	flags := cmd.Flags()
	flags.IntVarP(&b.connections, "connections", "c", 100, "`number` of connections")
	flags.Float64Var(&b.connectRate, "connect-rate", 100, "`number` of connections to open per second")
	flags.Float64VarP(&b.rate, "rate", "r", 1, "`number` of messages per second on each connection")
	flags.DurationVarP(&b.duration, "duration", "d", 10*time.Second, "for which messages are sent, once all connections were opened")
	flags.DurationVar(&b.timeout, "timeout", 5*time.Second, "for a connection to open, and for answers after the last message")
	flags.StringVarP(&b.event, "event", "e", "", "`name` of the event to send")
	flags.StringVarP(&b.payload, "payload", "p", "", "the event's payload, as `JSON` (default none)")
	flags.StringVar(&b.raw, "raw", "", "`text` to send in place of an event")
	flags.BoolVar(&b.json, "json", false, "print the result as JSON")
	b.dialFlags.register(flags)
	b.envelopeFlags.register(flags)
	return cmd
}

func (b *bencher) check() error {
	switch {
	case b.connections < 1:
		return fmt.Errorf("--connections %d: must be 1 or more", b.connections)
	case !(b.connectRate > 0):
		return fmt.Errorf("--connect-rate %v: must be more than 0", b.connectRate)
	case !(b.rate > 0 && b.rate <= 1e6):
		return fmt.Errorf("--rate %v: must be more than 0, and at most 1000000", b.rate)
	}
	return errors.Join(positive("duration", b.duration), positive("timeout", b.timeout))
}

// protocol returns the protocol that the flags select.
func (b *bencher) protocol() (load.Protocol, error) {
	flags := b.cmd.Flags()
	switch raw, event := flags.Changed("raw"), b.event != ""; {
	case raw && (event || flags.Changed("payload")):
		return nil, errors.New("--raw sends no event: leave it out, or --event and --payload")
	case raw:
		return &load.Raw{Text: []byte(b.raw)}, nil
	case !event:
		return nil, errors.New("nothing to send: add --event NAME, or --raw TEXT for a server that echoes")
	}
	envelope, err := b.envelope()
	if err != nil {
		return nil, err
	}
	events := &load.Events{Envelope: envelope, Event: b.event}
	if flags.Changed("payload") {
		events.Payload = []byte(b.payload)
	}
	_, err = events.Request(0) // check that it can be sent
	return events, err
}

func (b *bencher) run(ctx context.Context, protocol load.Protocol) error {
	run := load.New(load.Config{
		Dial: b.server.dial, Protocol: protocol,
		Connections: b.connections, ConnectRate: b.connectRate, Rate: b.rate, Duration: b.duration, Patience: b.timeout,
	})
	stop := b.watch(run)
	result := run.Do(ctx)
	stop()
	if result.Opened == 0 && ctx.Err() == nil {
		return failf(exitConnection, "no connection could be opened: %w", result.Refusal)
	}
	b.complain(result)
	if err := b.report(result); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// complain prints the first error of each kind, since the result only counts them.
func (b *bencher) complain(r *load.Result) {
	for _, wrong := range []struct {
		count int64
		what  string
		first error
	}{
		{r.Failed, "connections failed", r.Refusal},
		{r.Broken, "connections lost", lost(r.Breakage)},
		{r.Errors, "messages answered with an error", r.Failure},
	} {
		if wrong.count > 0 {
			b.tool.note(b.cmd, "%s: %d, the first: %v", wrong.what, wrong.count, wrong.first)
		}
	}
}
