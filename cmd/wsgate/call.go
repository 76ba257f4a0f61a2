package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"

	"github.com/wsgate/wsgate/cmd/internal/wire"
)

// caller is the call command.
type caller struct {
	dialFlags
	envelopeFlags
	timeout time.Duration

	server  *server
	wire    *wire.Envelope
	event   string
	request []byte
}

func (t *tool) call() *cobra.Command {
	var c caller
	cmd := &cobra.Command{
		Use:   "call URL EVENT [PAYLOAD]",
		Short: "Send an event and print the answer",
		Long: `call connects, sends an event with an id, waits for the answer with that id, and
prints the answer's payload as one line of JSON: null if it has none.

PAYLOAD is JSON, or - to read it from stdin. Without it the event has no payload.
A string needs its quotes ('"hello"'), a negative number needs -- before it.
An object that has the type key, the id key or "data" as a field is sent under
"data", any other beside the type. --data-key data sends every payload there:
for an object without its "id" where the event's may have one.

Exit codes:
  0    answered
  1    the server answered with an error, which is on stderr as "code: message"
  2    the command line is wrong
  3    no connection: refused, lost or closed by the server
  4    no answer in time
  5    stdout cannot be written
  130  interrupted`,
		Example: `  wsgate call ws://localhost:3100/ws history '{"room":"general"}'
  wsgate call ws://localhost:3100/ws say '"hello"' --header 'Authorization: Bearer x'
  jq -n '{room: "general"}' | wsgate call ws://localhost:3100/ws history -
  wsgate call ws://localhost:3100/ws card.move '{"id": 7, "column": "done"}'
  wsgate call ws://localhost:3100/ws say '"hello"' --type-key event --data-key data`,
		Args:              takes("URL", "EVENT", "[PAYLOAD]"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.prepare(args, t.stdin); err != nil {
				return err
			}
			return c.ask(cmd.Context(), t.stdout)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&c.timeout, "timeout", 10*time.Second, "for the connection and the answer together")
	c.dialFlags.register(flags)
	c.envelopeFlags.register(flags)
	return cmd
}

// id is the id of the request. There is one request per connection, so any value will do.
var id = []byte("1")

// prepare does all checks that need no connection.
func (c *caller) prepare(args []string, stdin io.Reader) (err error) {
	if err := positive("timeout", c.timeout); err != nil {
		return err
	}
	if c.server, err = c.dialFlags.server(args[0]); err != nil {
		return err
	}
	if c.wire, err = c.envelope(); err != nil {
		return err
	}
	c.event = args[1]
	var payload []byte
	if len(args) > 2 {
		if payload, err = readPayload(args[2], stdin); err != nil {
			return err
		}
	}
	c.request, err = c.wire.Request(c.event, id, payload)
	return err
}

// readPayload returns the payload that an argument specifies.
func readPayload(arg string, stdin io.Reader) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	payload, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("reading the payload from stdin: %w", err)
	}
	return payload, nil
}

// ask sends the request and prints the payload of its answer.
func (c *caller) ask(ctx context.Context, stdout io.Writer) error {
	timed, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	ws, err := c.server.dial(timed)
	if err != nil {
		return c.explain(ctx, timed, err, "no connection", "")
	}
	defer hangUp(ws) // after the answer was printed
	if err := ws.Write(timed, websocket.MessageText, c.request); err != nil {
		return c.explain(ctx, timed, lost(err), "the event was not sent", "")
	}
	var others bystanders
	for {
		kind, text, err := ws.Read(timed)
		if err != nil {
			return c.explain(ctx, timed, lost(err), fmt.Sprintf("no answer to %q", c.event), others.String())
		}
		payload, found, err := c.answer(kind, text)
		switch {
		case err != nil:
			return err
		case found:
			return output(stdout, escape(payload))
		}
		others.add(kind, text)
	}
}

// answer returns the payload of a message if it is the answer.
func (c *caller) answer(kind websocket.MessageType, text []byte) (payload json.RawMessage, found bool, err error) {
	if kind != websocket.MessageText {
		return nil, false, nil
	}
	m, err := c.wire.Read(text)
	mine := bytes.Equal(m.ID, id)
	switch {
	case err != nil && mine:
		return nil, false, fmt.Errorf("the server uses other keys than --type-key, --id-key and --data-key say: %w in %s", err, shorten(string(text)))
	case err != nil:
		return nil, false, nil
	case m.Failed && (mine || m.ID == nil): // an error without an id is about a message that could not be parsed, and only one was sent
		return nil, false, &failure{code: exitAnswer, err: m.Err()}
	case mine:
		payload, err = m.Payload()
		return payload, true, err
	}
	return nil, false, nil
}

// explain returns the error to show: the contexts know better why something broke off. what did not happen, and more is
// known.
func (c *caller) explain(ctx, timed context.Context, err error, what, more string) error {
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(timed.Err(), context.DeadlineExceeded):
		return failf(exitTimeout, "%s within %v%s; --timeout gives it more time", what, c.timeout, more)
	default:
		return err
	}
}

// bystanders are messages that arrive before the awaited one.
type bystanders struct {
	count int
	last  string
}

func (b *bystanders) add(kind websocket.MessageType, data []byte) {
	b.count++
	b.last = shorten(line(kind, data))
}

// String describes them, since one may have been meant as the answer.
func (b *bystanders) String() string {
	switch b.count {
	case 0:
		return ""
	case 1:
		return " (another message came: " + b.last + ")"
	default:
		return fmt.Sprintf(" (%d other messages came, the last: %s)", b.count, b.last)
	}
}
