package abuse

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// overTLS serves like start, on a listener with TLS.
func overTLS(t *testing.T, su setup) *server {
	t.Helper()
	known := httptest.NewTLSServer(nil) // has a certificate
	su.tls = &tls.Config{Certificates: known.TLS.Certificates}
	known.Close()
	return start(t, su)
}

// Rows 18, 21 to 23, 25, 27, 28 and 32: what is refused in the clear is refused over TLS, where there is no descriptor to
// read from.
func framesOverTLS(t *testing.T) {
	s := overTLS(t, setup{limits: wsgate.Limits{MessageTime: short}})
	s.commit(t, []offence{
		{"unmasked frame", segments(unmasked(text, "hello")), 1002, errViolation},
		{"reserved bits", segments(masked(text|rsv1, hello)), 1002, errViolation},
		{"reserved opcode", segments(masked(fin|3, hello)), 1002, errViolation},
		{"length of 2^63", segments(header(text, 1<<63, 0)), 1002, errViolation},
		{"length of 4 GiB", segments(header(text, 4<<30, 0)), 1009, wsgate.ErrLimit},
		{"a text of 64 KiB and 1", segments(masked(text, bytes.Repeat([]byte("x"), 64<<10+1))), 1009, wsgate.ErrLimit},
		{"not UTF-8", segments(masked(text, []byte("\xff"))), 1007, errViolation},
		{"close frame", segments(closeFrame(1000, "bye")), 1000, nil},
		{"bad close frame", segments(closeFrame(1006, "bye")), 1002, errViolation},
	})
	for name, frame := range map[string][]byte{"empty fragments": masked(more, nil), "pings": masked(ping, nil)} {
		t.Run(name+" without an end", func(t *testing.T) {
			c := s.connect(t)
			c.put(masked(begins, nil))
			wait := c.flood(bytes.Repeat(frame, 500), 1_000_000*len(frame))
			c.ends(1008, wsgate.ErrLimit)
			wait()
		})
	}
	t.Run("silence inside a message", func(t *testing.T) {
		c := s.connect(t)
		c.put(header(text, 100, 0))
		c.endsAfter(short, 1013, wsgate.ErrLimit)
	})
	t.Run("sessions in one piece, and byte by byte", func(t *testing.T) {
		for _, size := range []int{1 << 20, 1} {
			c := s.dial(t)
			said, want := session(s, c)
			for len(said) > 0 {
				n := min(size, len(said))
				c.put(said[:n])
				said = said[n:]
			}
			c.upgraded()
			c.hears(want...)
			c.ends(noFrame, nil)
		}
	})
}

// Rows 30, 31 and 58 to 62 over TLS, whose own shutting down must not hold up anything.
func networkOverTLS(t *testing.T) {
	limits := heartbeat
	limits.QueueBytes = 64 << 20
	closeOrPush := func(ctx context.Context, c *conn, m wsgate.Message) error {
		if string(m.Data) == "close" {
			c.Close(1000, "bye")
			return nil
		}
		return push(ctx, c, m)
	}
	s := overTLS(t, setup{limits: limits, most: 128 << 20, hooks: hooks{message: closeOrPush}})
	t.Run("our close, then dribble", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		c.put(masked(text, []byte("close")))
		wait := c.dribble(short/20, append(header(text, 60_000, 0), 'x')...)
		c.endsAfter(short, 1000, nil)
		wait()
	})
	t.Run("reads nothing", func(t *testing.T) {
		t.Parallel()
		c := s.slow(t)
		begun := time.Now()
		c.put(masked(text, []byte("push 16 1048576")))
		c.closedWith(wsgate.ErrSlowClient)
		if took := time.Since(begun); took < short*9/10 || took > ratio*short {
			t.Errorf("it took %v, want %v", took, short)
		}
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		found(t, c, time.Now(), wsgate.ErrPingTimeout)
	})
	t.Run("black hole", func(t *testing.T) {
		t.Parallel()
		p := newProxy(t, s, &proxy{})
		c := s.dialTo(t, p.addr, 0).handshake()
		begun := time.Now()
		close(p.hole)
		found(t, c, begun, wsgate.ErrPingTimeout)
	})
}

// Rows 61 and 62 over TLS.
func leavingOverTLS(t *testing.T) {
	waitOrPush := func(ctx context.Context, c *conn, m wsgate.Message) error {
		if string(m.Data) == "wait" {
			<-ctx.Done()
			return nil
		}
		return push(ctx, c, m)
	}
	s := overTLS(t, setup{limits: wsgate.Limits{QueueBytes: 64 << 20}, most: 128 << 20, hooks: hooks{message: waitOrPush}})
	for name, send := range map[string][]byte{
		"between frames": nil, "inside a payload": masked(text, hello)[:8], "inside a message": masked(begins, hello),
		"while a handler runs": masked(text, []byte("wait")), "while the server writes": masked(text, []byte("push 16 1048576")),
	} {
		for how, leave := range map[string]func(c *client){
			"reset":        (*client).reset,
			"FIN":          func(c *client) { c.tcp.CloseWrite() },
			"close_notify": func(c *client) { c.Conn.(*tls.Conn).CloseWrite() },
		} {
			t.Run(how+" "+name, func(t *testing.T) {
				t.Parallel()
				c := s.slow(t)
				c.put(send)
				c.idle(short / 30)
				leave(c)
				c.closedWith(errLost)
			})
		}
	}
}
