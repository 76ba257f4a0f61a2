package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"
)

// listener is the listen command.
type listener struct {
	dialFlags
	send        []string
	noReconnect bool
	count       int
	timestamps  bool
	ping        time.Duration

	tool   *tool
	cmd    *cobra.Command
	server *server
	got    int // messages so far
}

func (t *tool) listen() *cobra.Command {
	l := listener{tool: t}
	cmd := &cobra.Command{
		Use:   "listen URL",
		Short: "Print every message that arrives",
		Long: `listen prints every message that arrives as one line: text as it is, binary data
as "binary:" and base64, and text with line breaks or other control characters
as "text:" and a JSON string.

When it cannot connect or the connection ends it tries again for ever, and waits
before each try: 1 to 2 s, then twice as long up to 15 to 30 s, and 1 to 2 s again
after a connection of at least 10 s. It does not where the server's close code says
that this would come to the same end: 1000, 1002, 1003, 1007, 1008, 1009, and 4000
to 4999. What goes on is on stderr. SIGINT ends it with a closing handshake.

Exit codes:
  0    interrupted, or --count messages were printed
  2    the command line is wrong
  3    the server closed the connection for good, or with --no-reconnect: no
       connection, or it ended
  5    stdout cannot be written`,
		Example: `  wsgate listen ws://localhost:3100/ws
  wsgate listen ws://localhost:3100/ws --send '{"type":"join","room":"general"}' --timestamps
  wsgate listen ws://localhost:3100/ws --count 1 --no-reconnect`,
		Args:              takes("URL"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			l.cmd = cmd
			if err := l.check(); err != nil {
				return err
			}
			if l.server, err = l.dialFlags.server(args[0]); err != nil {
				return err
			}
			return l.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&l.send, "send", nil, "`text` to send after each connect, such as '{\"type\":\"join\",\"room\":\"general\"}'; may be given several times")
	flags.BoolVar(&l.noReconnect, "no-reconnect", false, "exit when the connection ends")
	flags.IntVar(&l.count, "count", 0, "exit after this `number` of messages (default no limit)")
	flags.BoolVar(&l.timestamps, "timestamps", false, "put the time of arrival before each message")
	flags.DurationVar(&l.ping, "ping", 30*time.Second, "how often to ping the server, and how long it has to answer; 0 for never")
	l.dialFlags.register(flags)
	return cmd
}

func (l *listener) check() error {
	switch {
	case l.count < 0:
		return fmt.Errorf("--count %d: must be 0, for no limit, or more", l.count)
	case l.ping < 0:
		return fmt.Errorf("--ping %v: must be 0, for never, or more", l.ping)
	}
	return nil
}

// run listens until it has enough messages or ctx is done.
func (l *listener) run(ctx context.Context) error {
	var wait backoff
	for {
		lasted, err := l.connection(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		var f *failure
		if l.noReconnect || !errors.As(err, &f) || f.code != exitConnection || f.final {
			return err
		}
		d := wait.next(lasted)
		l.tool.note(l.cmd, "%v; connecting again in %v", err, d.Round(100*time.Millisecond))
		if l.tool.sleep(ctx, d) != nil {
			return nil
		}
	}
}

var errNoPong = errors.New("the server did not answer a ping")

// connection connects and listens until the connection ends. It returns how long that lasted, and nil once there are
// enough messages.
func (l *listener) connection(ctx context.Context) (lasted time.Duration, err error) {
	ws, err := l.dial(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	l.tool.note(l.cmd, "connected to %s%s", l.server.shown, speaking(ws))

	// Reading continues during the closing handshake, so it does not use ctx, whose end would cut the connection.
	reading, stopReading := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopReading(nil)
	hungUp := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(hungUp)
		hangUp(ws)
		stopReading(ctx.Err()) // if the server has not closed
	})
	pinging := make(chan struct{})
	go func() {
		defer close(pinging)
		keepAlive(reading, ws, l.ping, stopReading)
	}()
	defer func() {
		if stop() {
			hangUp(ws)
		} else {
			<-hungUp
		}
		stopReading(nil)
		<-pinging
	}()

	err = l.converse(reading, ws)
	if errors.Is(context.Cause(reading), errNoPong) {
		err = lost(errNoPong)
	}
	return time.Since(began), err
}

// patience is the time limit of one attempt to connect.
const patience = 30 * time.Second

func (l *listener) dial(ctx context.Context) (*websocket.Conn, error) {
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ws, err := l.server.dial(timed)
	if err != nil && timed.Err() != nil {
		err = failf(exitConnection, "connecting to %s: no answer within %v", l.server.shown, patience)
	}
	return ws, err
}

// speaking describes the negotiated subprotocol.
func speaking(ws *websocket.Conn) string {
	if p := ws.Subprotocol(); p != "" {
		return ", subprotocol " + p
	}
	return ""
}

// converse sends the requested messages, and prints what arrives.
func (l *listener) converse(ctx context.Context, ws *websocket.Conn) error {
	for _, text := range l.send {
		if err := ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return lost(err)
		}
	}
	for {
		kind, data, err := ws.Read(ctx)
		if err != nil {
			return lost(err)
		}
		text := line(kind, data)
		if l.timestamps {
			text = time.Now().Format("2006-01-02T15:04:05.000Z07:00") + " " + text
		}
		if err := output(l.tool.stdout, text); err != nil {
			return err
		}
		if l.got++; l.got == l.count {
			return nil
		}
	}
}

// keepAlive pings the server to detect a connection that broke silently. It calls dead when an answer does not arrive
// in time.
func keepAlive(ctx context.Context, ws *websocket.Conn, every time.Duration, dead context.CancelCauseFunc) {
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		timed, cancel := context.WithTimeoutCause(ctx, every, errNoPong)
		err := ws.Ping(timed)
		cause := context.Cause(timed)
		cancel()
		if err != nil && cause != nil {
			dead(cause)
			return
		}
	}
}
