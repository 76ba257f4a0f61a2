package abuse

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// Row 28.
func closeFrames(t *testing.T) {
	s := start(t, setup{})
	var offences []offence
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		offences = append(offences, offence{fmt.Sprint("code ", code), segments(closeFrame(code, "bye")), 1002, errViolation})
	}
	s.commit(t, append(offences,
		offence{"payload of one byte", segments(masked(closing, []byte{0x03})), 1002, errViolation},
		offence{"reason that is not UTF-8", segments(closeFrame(1000, "\xff\xfe\xc0\x80")), 1007, errViolation},
	))
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		t.Run(fmt.Sprint("code ", code), func(t *testing.T) {
			c := s.connect(t)
			c.put(closeFrame(code, "bye"))
			var cause error
			if code > 1001 {
				cause = websocket.CloseError{Code: websocket.StatusCode(code), Reason: "bye"}
			}
			if e := c.ends(websocket.StatusCode(code), cause); e.reset {
				t.Error("the connection was reset")
			}
		})
	}
	t.Run("no code", func(t *testing.T) {
		c := s.connect(t)
		c.put(masked(closing, nil))
		c.ends(websocket.StatusNoStatusRcvd, nil)
	})
	t.Run("longest reason", func(t *testing.T) {
		c := s.connect(t)
		c.put(closeFrame(1000, strings.Repeat("x", 123)))
		c.ends(1000, nil)
	})
	t.Run("reason with line breaks", func(t *testing.T) {
		c := s.connect(t)
		c.put(closeFrame(1000, "a\r\nlevel=ERROR msg=b\x00"))
		c.ends(1000, nil)
	})
	t.Run("inside a message", func(t *testing.T) {
		c := s.connect(t)
		c.put(masked(begins, hello), closeFrame(1000, ""))
		c.ends(1000, nil)
	})
}

// Row 29: a flood of control frames ends the connection when the allowance is used up. Pings are answered until then.
func controlFlood(t *testing.T) {
	const rate = 32 // the default, and twice as many at once
	s := start(t, setup{hooks: hooks{message: func(ctx context.Context, c *conn, m wsgate.Message) error {
		<-ctx.Done() // a handler that takes its time hears of it
		return nil
	}}})
	full := strings.Repeat("x", 125)
	for _, tc := range []struct {
		name  string
		frame []byte
		pongs string // the payload of each, if there are any
	}{
		{"pings", masked(ping, nil), ""},
		{"pings of 125 bytes", masked(ping, []byte(full)), full},
		{"pongs", masked(pong, nil), "none"},
		{"pongs of 125 bytes", masked(pong, []byte(full)), "none"},
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, handler busy %v", tc.name, busy), func(t *testing.T) {
				c := s.connect(t)
				begun := time.Now()
				if busy {
					c.put(masked(text, hello))
				}
				wait := c.flood(bytes.Repeat(tc.frame, 500), 50_000*len(tc.frame))
				e := c.ends(1008, wsgate.ErrLimit)
				most := 2*rate + int(rate*time.Since(begun).Seconds())
				if len(e.frames) > most || tc.pongs == "none" && len(e.frames) > 0 {
					t.Errorf("got %d frames, want at most %d: %v", len(e.frames), most, e.frames[0])
				}
				for _, f := range e.frames {
					if f.First != pong || string(f.Payload) != tc.pongs {
						t.Fatalf("got frame %v", f)
					}
				}
				wait()
			})
		}
	}
	t.Run("as many as allowed", func(t *testing.T) {
		c := s.connect(t)
		var want []wire.Frame
		var all []byte // at once, so that no time passes
		for i := range 2 * rate {
			payload := []byte(fmt.Sprint(i))
			if i%2 == 1 { // the last of them, too
				all = append(all, masked(ping, payload)...)
				want = append(want, wire.Frame{First: pong, Payload: payload})
			} else {
				all = append(all, masked(pong, payload)...) // which nobody asked for
			}
		}
		c.put(all)
		c.hears(want...)
	})
}

// Row 36: control frames between the fragments of a message.
func controlFramesInsideMessages(t *testing.T) {
	const n = 500
	s := start(t, setup{limits: wsgate.Limits{ControlRate: n, Rate: n}})
	c := s.connect(t)
	var all []byte
	var want []wire.Frame
	for i := range n {
		first := byte(more)
		if i == 0 {
			first = begins
		}
		payload := binary.BigEndian.AppendUint32(nil, uint32(i))
		all = append(all, masked(first, []byte("abc"))...)
		all = append(all, masked(ping, payload)...)
		want = append(want, wire.Frame{First: pong, Payload: payload})
	}
	all = append(all, masked(last, []byte("."))...)
	c.put(all)
	c.hears(append(want, wire.Frame{First: text, Payload: []byte(strings.Repeat("abc", n) + ".")})...)
}

// closer is a handler that closes when it is told to, and fails the test if anything is handled afterwards.
func closer(t *testing.T) hooks {
	return hooks{message: func(_ context.Context, c *conn, m wsgate.Message) error {
		if string(m.Data) != "close" {
			t.Errorf("%.40q was handled", m.Data)
		}
		c.Close(1000, "bye")
		return nil
	}}
}

// Row 30.
func afterClose(t *testing.T) {
	// What comes without an end is read and thrown away, and is garbage until the next collection.
	s := start(t, setup{limits: wsgate.Limits{Close: short}, hooks: closer(t), most: 64 << 20})
	garbage := bytes.Repeat([]byte("\x00garbage"), 100)
	for _, tc := range []struct {
		name string
		then []byte
	}{
		{"text", masked(text, hello)},
		{"another close", closeFrame(1001, "again")},
		{"ping", masked(ping, nil)},
		{"unmasked frame", unmasked(text, "hello")},
		{"garbage", garbage},
		{"much garbage", bytes.Repeat(garbage, 1000)},
		{"FIN inside a frame", header(text, 100, 0)},
	} {
		t.Run("the client's close, then "+tc.name, func(t *testing.T) {
			c := s.connect(t)
			wait := c.flood(append(closeFrame(1000, ""), tc.then...), 1)
			c.ends(1000, nil)
			wait()
		})
	}
	for _, tc := range []struct {
		name  string
		then  []byte
		times int
		at    time.Duration // when it is over
	}{
		{"nothing", nil, 0, short},
		{"text", masked(text, hello), 1, short},
		{"texts without an end", bytes.Repeat(masked(text, hello), 100), 1e6, short},
		{"large texts without an end", masked(text, bytes.Repeat(hello, 10_000)), 1e6, short},
		{"a ping", masked(ping, nil), 1, short},
		{"unmasked frame", unmasked(text, "hello"), 1, 0},
		{"pings without an end", bytes.Repeat(masked(ping, nil), 100), 1e6, 0},
		{"its own close, crossing", closeFrame(4000, "mine"), 1, 0},
		{"the answer", closeFrame(1000, "bye"), 1, 0},
		{"not UTF-8, and the answer", append(masked(text, []byte("\xff")), closeFrame(1000, "bye")...), 1, 0},
	} {
		t.Run("our close, then "+tc.name, func(t *testing.T) {
			t.Parallel()
			c := s.connect(t)
			c.put(masked(text, []byte("close")))
			wait := c.flood(tc.then, tc.times*len(tc.then))
			if tc.at == 0 {
				c.ends(1000, nil)
			} else {
				c.endsAfter(tc.at, 1000, nil)
			}
			wait()
		})
	}
}

// Row 31: however slowly the client goes on, the closing handshake ends in its time.
func dribbleAfterClose(t *testing.T) {
	s := start(t, setup{limits: wsgate.Limits{Close: short, MessageTime: time.Minute}, hooks: closer(t)})
	for _, tc := range []struct {
		name string
		then []byte
	}{
		{"a frame of 4 GiB", append(header(text, 4<<30, 0), 'x')},
		{"a frame within the limits", append(header(text, 60_000, 0), 'x')},
		{"its own close frame", append(header(closing, 125, 0), 'x')},
		{"empty fragments", append(masked(begins, nil), 0)},
		{"the start of one frame after the other", []byte{text}},
	} {
		t.Run("our close, then "+tc.name, func(t *testing.T) {
			t.Parallel()
			c := s.connect(t)
			c.put(masked(text, []byte("close")))
			wait := c.dribble(short/20, tc.then...)
			if e := c.last(ratio * short); e.open || e.code != 1000 {
				t.Errorf("got close code %d, open is %v, after %v, want 1000 and an end after %v", e.code, e.open, e.took, short)
			}
			c.closedWith(nil)
			wait()
		})
		t.Run("a violation, then "+tc.name, func(t *testing.T) {
			t.Parallel()
			c := s.connect(t)
			c.put(masked(text, []byte("\xff")))
			wait := c.dribble(short/20, tc.then...)
			c.ends(1007, errViolation)
			wait()
		})
	}
}

// Row 31: neither does it hold up the end of the App.
func dribbleDuringShutdown(t *testing.T) {
	s := start(t, setup{limits: wsgate.Limits{Close: short, MessageTime: time.Minute}})
	var waits []func()
	for range 5 {
		c := s.connect(t)
		c.echoes()
		waits = append(waits, c.dribble(short/20, append(header(text, 60_000, 0), 'x')...))
		defer c.closedWith(wsgate.ErrShutdown)
	}
	s.neighbours.moveOut(t, s.memory.paused())
	begun := time.Now()
	s.stop()
	if err := s.end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(begun); took < short*9/10 || took > ratio*short {
		t.Errorf("Serve returned after %v, want %v", took, short)
	}
	for _, wait := range waits {
		wait()
	}
}
