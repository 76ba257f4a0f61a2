package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// A client that reads gets a history of any length, at its own speed.
func TestPacedOnEveryTransport(t *testing.T) {
	const many = 20000
	for _, over := range kit.Carriers {
		t.Run(over.Name, func(t *testing.T) {
			c := over.Connect(t, kit.NewApp(t, nil, kit.RouteTo("/ws", historyGateway(t, many, paced))))("/ws")
			go c.Say("all of it")
			hearsHistory(t, c, many)
		})
	}
}

// flushing is middleware that waits, before each event, until the client has taken the answers so far.
func flushing(next wsgate.Handler) wsgate.Handler {
	return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
		if in.Hook == wsgate.HookEvent {
			if err := c.Flush(ctx); err != nil {
				return err
			}
		}
		return next(ctx, c, in)
	}
}

// A client that sends its questions all at once and reads at full speed gets all answers, where they or what is behind them
// waits for it.
func TestPipelinedQuestionsOnSocket(t *testing.T) {
	const many = 10000
	long := strings.Repeat("x", 4000)
	for _, test := range []struct {
		name  string
		route wsgate.Route
		use   []any
		ask   string
	}{
		{"Paced", kit.RouteTo("/ws", &kit.MessageGateway{Message: func(ctx context.Context, c *kit.Conn, _ wsgate.Message) error {
			return c.Paced(ctx).Send(wsgate.Text(long))
		}}), nil, "?"},
		{"Flush in middleware", kit.RouteTo("/ws", &kit.EventGateway{Table: wsgate.Events[kit.Data]{
			wsgate.Answer(wsgate.Call[string, string]("ask"), func(context.Context, *kit.Conn, string) (string, error) { return long, nil }),
		}}), []any{flushing}, `{"type":"ask","id":1,"data":"?"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := kit.DialRawTCP(t, kit.OverTCP(t, kit.NewApp(t, &wsgate.Options{Use: test.use, Limits: wsgate.Limits{Rate: math.MaxInt}}, test.route)), "/ws")
			go c.Put(bytes.Repeat(wire.Masked(wire.Text, []byte(test.ask)), many))
			c.SetReadDeadline(time.Now().Add(kit.Patience))
			if n, end := (&slowReader{Reader: bufio.NewReader(c), left: math.MaxInt}).lines(many); n != many {
				t.Errorf("got %d answers, then %s", n, end)
			}
		})
	}
}

// slowReader reads some bytes in each interval, and no more.
type slowReader struct {
	io.Reader
	each     int
	interval <-chan time.Time
	left     int
}

func (r *slowReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		<-r.interval
		r.left = r.each
	}
	n, err := r.Reader.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// lines returns how many lines of a history come before something else does.
func (r *slowReader) lines(most int) (n int, end string) {
	for ; n < most; n++ {
		f, err := wire.ReadFrame(r)
		if err != nil {
			return n, err.Error()
		}
		if f.First != wire.Text {
			return n, kit.Describe(f.First, f.Payload)
		}
	}
	return n, ""
}

// A reader of a megabyte per second over TCP.
func TestPacedToSlowReaderOnSocket(t *testing.T) {
	const many = 2500
	for _, test := range []struct {
		name string
		to   func(ctx context.Context, c *kit.Conn) wsgate.Target
		all  bool
	}{
		{"paced", paced, true},
		{"not paced", func(_ context.Context, c *kit.Conn) wsgate.Target { return c }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			limits := wsgate.Limits{SendBuffer: 64 << 10}
			addr := kit.OverTCP(t, kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", historyGateway(t, many, test.to))))
			c := kit.DialRawTCP(t, addr, "/ws")
			if err := c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			c.Put(wire.Masked(wire.Text, []byte("all of it")))
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			c.SetReadDeadline(time.Now().Add(kit.Patience))
			lines, end := (&slowReader{Reader: c, each: 10 << 10, interval: ticker.C}).lines(many)
			if (lines == many) != test.all {
				t.Errorf("got %d lines of %d, then %s", lines, many, end)
			}
		})
	}
}
