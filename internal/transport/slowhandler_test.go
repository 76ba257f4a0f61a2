package transport_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/internal/transport"
)

// On a server that has little to do nothing ticks for a handler that has returned. One that runs long is noticed as ever.
func TestNothingTicksForShortHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := transport.NewEngine(time.Second, 1<<30)
		gone := make(chan struct{})
		client, ended := reads(t, engine, func(c *transport.Conn, text string) {
			if text == "slow" {
				<-c.Context().Done()
				close(gone)
			}
		})
		for range 5 {
			<-time.After(10 * time.Millisecond)
			client.Put(wire.Masked(wire.Text, []byte("short")))
			synctest.Wait()
			if listed, ticking := engine.Late(); listed != 0 || ticking {
				t.Errorf("%d handlers are watched, ticking %v, when all have returned", listed, ticking)
			}
		}
		client.Put(wire.Masked(wire.Text, []byte("slow")))
		synctest.Wait()
		if listed, ticking := engine.Late(); listed != 1 || !ticking {
			t.Errorf("%d handlers are watched, ticking %v, while one runs", listed, ticking)
		}
		client.Close()
		<-gone // else all goroutines are blocked, which is an error
		<-ended
		engine.Stop()
	})
}

// Messages that come faster than ticks leave the timer alone.
func TestTicksGoOnBetweenQuickMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := transport.NewEngine(time.Second, 1<<30)
		client, ended := reads(t, engine, func(*transport.Conn, string) {})
		<-time.After(10 * time.Millisecond)
		stopped := 0
		for range 100 {
			client.Put(wire.Masked(wire.Text, []byte("short")))
			synctest.Wait()
			if _, ticking := engine.Late(); !ticking {
				stopped++
			}
			<-time.After(10 * time.Microsecond)
		}
		if stopped > 6 { // within a millisecond
			t.Errorf("the timer was stopped after %d of 100 messages, want hardly ever", stopped)
		}
		client.Close()
		<-ended
		engine.Stop()
	})
}

// reads accepts one connection, whose reader calls handle for each message.
func reads(t *testing.T, engine *transport.Engine, handle func(c *transport.Conn, text string)) (client *kit.RawClient, ended chan struct{}) {
	counters := new(transport.Counters)
	ended = make(chan struct{})
	accept := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, &transport.AcceptOptions{
			Limits: limits, Engine: engine, Counters: counters, Owner: patient{}, Admit: func() (context.Context, *transport.Refusal) { return t.Context(), nil },
		})
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer close(ended)
			for {
				_, data, _, err := c.Read()
				if err != nil {
					c.End(err)
					return
				}
				handle(c, string(data))
			}
		}()
	})
	return kit.DialRaw(t, accept, "/"), ended
}
