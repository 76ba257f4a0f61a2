package wsgate_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// A client that reads gets a history of any length, at its own speed.
func TestPacedOnEveryTransport(t *testing.T) {
	const many = 20000
	for _, over := range transports {
		t.Run(over.name, func(t *testing.T) {
			c := over.connect(t, newApp(t, nil, routeTo("/ws", historyGateway(t, many, paced))))("/ws")
			go c.say("all of it")
			c.hearsHistory(many)
		})
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
		{"Paced", routeTo("/ws", &messageGateway{message: func(ctx context.Context, c *testConn, _ wsgate.Message) error {
			return c.Paced(ctx).Send(wsgate.Text(long))
		}}), nil, "?"},
		{"Flush in middleware", routeTo("/ws", &eventGateway{table: wsgate.Events[testData]{
			wsgate.Answer(ask, func(context.Context, *testConn, string) (string, error) { return long, nil }),
		}}), []any{adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
			if in.Hook == wsgate.HookEvent {
				if err := c.Flush(ctx); err != nil {
					return err
				}
			}
			return next(ctx, c, in)
		})}, `{"type":"ask","id":1,"data":"?"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dialRawTCP(t, overTCP(t, newApp(t, &wsgate.Options{Use: test.use}, test.route)), "/ws")
			go c.put(bytes.Repeat(clientFrame(frameText, []byte(test.ask)), many))
			c.SetReadDeadline(time.Now().Add(patience))
			if n, end := (&slowReader{Reader: bufio.NewReader(c), left: 1 << 40}).lines(many); n != many {
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
		if f.First != frameText {
			return n, describe(f.First, f.Payload)
		}
	}
	return n, ""
}

// A reader of a megabyte per second over TCP.
func TestPacedToSlowReaderOnSocket(t *testing.T) {
	const many = 2500
	for _, test := range []struct {
		name string
		to   func(ctx context.Context, c *testConn) wsgate.Target
		all  bool
	}{
		{"paced", paced, true},
		{"not paced", func(_ context.Context, c *testConn) wsgate.Target { return c }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			limits := wsgate.Limits{SendBuffer: 64 << 10}
			addr := overTCP(t, newApp(t, &wsgate.Options{Limits: limits}, routeTo("/ws", historyGateway(t, many, test.to))))
			c := dialRawTCP(t, addr, "/ws")
			if err := c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			c.put(clientFrame(frameText, []byte("all of it")))
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			c.SetReadDeadline(time.Now().Add(patience))
			lines, end := (&slowReader{Reader: c, each: 10 << 10, interval: ticker.C}).lines(many)
			if (lines == many) != test.all {
				t.Errorf("got %d lines of %d, then %s", lines, many, end)
			}
		})
	}
}
