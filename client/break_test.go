package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// waiting answers Wait when its context ends or the channel is closed.
func waiting(until <-chan struct{}) wsgate.Binding[kit.Data] {
	return wsgate.Answer(Wait, func(ctx context.Context, _ *kit.Conn, n int) (int, error) {
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-until:
			return n, nil
		}
	})
}

// A server on TCP that is replaced by another on the same address, under 50 calls in flight: each ends exactly once,
// with an error that says so, and none is repeated.
func TestRestartUnderCalls(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	var handled atomic.Int32
	first := make(chan struct{}, 1)
	hang := wsgate.Answer(Wait, func(ctx context.Context, _ *kit.Conn, n int) (int, error) {
		handled.Add(1)
		first <- struct{}{}
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	server := &http.Server{Handler: kit.NewApp(t, nil, kit.RouteTo("/", gateway(hang)))}
	go server.Serve(listener)

	back := make(chan struct{}, 10)
	c := client.New("ws://"+address, &client.Options{OnState: func(_ context.Context, s client.State) {
		if s.Phase == client.Connected {
			back <- struct{}{}
		}
	}})
	if err := c.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer shut(t, c)
	kit.Receive(t, back, "the first connection")
	var settled atomic.Int32
	var calls sync.WaitGroup
	for n := range 50 {
		calls.Go(func() {
			_, err := client.Call(t.Context(), c, Wait, n)
			settled.Add(1)
			if code := isCode(err, wsgate.Internal); !errors.Is(err, client.ErrDisconnected) && !errors.Is(err, client.ErrNotConnected) && !code {
				t.Errorf("call %d: got %v", n, err)
			}
		})
	}
	kit.Receive(t, first, "a call in flight")
	app := server.Handler.(*kit.App)
	if err := app.End(); err != nil {
		t.Error(err)
	}
	_ = server.Close()
	calls.Wait()
	if got := settled.Load(); got != 50 {
		t.Errorf("%d calls ended, want 50", got)
	}

	listener, err = net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	before := handled.Load()
	second := &http.Server{Handler: kit.NewApp(t, nil, kit.RouteTo("/", gateway(hang)))}
	go second.Serve(listener)
	defer second.Close()
	kit.Receive(t, back, "the second connection")
	big := strings.Repeat("x", 20<<10)
	if answer, err := client.Call(t.Context(), c, Twice, big); err != nil || answer != big+big {
		t.Errorf("got %d bytes, %v", len(answer), err)
	}
	if got := handled.Load(); got != before {
		t.Errorf("%d calls were repeated", got-before)
	}
}

// A payload of 1 MB passes in both directions.
func TestLargePayload(t *testing.T) {
	bubble(func(t *testing.T) {
		opts := &wsgate.Options{Limits: wsgate.Limits{Message: 3 << 20, QueueBytes: 8 << 20}}
		c := dial(t, kit.NewApp(t, opts, kit.RouteTo("/", gateway())), client.Options{})
		big := strings.Repeat("0123456789abcdef", 1<<16)
		answer, err := client.Call(t.Context(), c, Twice, big)
		if err != nil || answer != big+big {
			t.Errorf("got %d bytes, %v", len(answer), err)
		}
	})(t)
}

// A message over the client's limit ends the client: it would arrive again.
func TestReadLimit(t *testing.T) {
	bubble(func(t *testing.T) {
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", gateway())), client.Options{ReadLimit: 100})
		_, err := client.Call(t.Context(), c, Twice, strings.Repeat("x", 100))
		if !errors.Is(err, client.ErrDisconnected) || !errors.Is(err, websocket.ErrMessageTooBig) {
			t.Errorf("got %v", err)
		}
		<-c.Done()
	})(t)
}

// A call ends with its context, and its late answer is nobody's. The connection stays.
func TestCallContext(t *testing.T) {
	bubble(func(t *testing.T) {
		until := make(chan struct{})
		var failed []error
		app := kit.NewApp(t, nil, kit.RouteTo("/", gateway(waiting(until))))
		c := dial(t, app, client.Options{OnError: func(_ context.Context, err error) { failed = append(failed, err) }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := client.Call(ctx, c, Wait, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		why := errors.New("changed my mind")
		cancelled, cancelWith := context.WithCancelCause(t.Context())
		cancelWith(why)
		if _, err := client.Call(cancelled, c, Wait, 2); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		if err := client.Emit(cancelled, c, Say, "x"); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		close(until)
		if answer, err := client.Call(t.Context(), c, Twice, "y"); answer != "yy" || err != nil {
			t.Errorf("got %q, %v", answer, err)
		}
		synctest.Wait()
		if len(failed) > 0 {
			t.Errorf("got errors %v", failed)
		}
	})(t)
}

// Close ends calls in flight, and Dial.
func TestClose(t *testing.T) {
	t.Run("calls", bubble(func(t *testing.T) {
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", gateway(waiting(nil)))), client.Options{})
		got := make(chan error, 1)
		go func() {
			_, err := client.Call(t.Context(), c, Wait, 1)
			got <- err
		}()
		synctest.Wait()
		shut(t, c)
		if err := <-got; !errors.Is(err, client.ErrClosed) || !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("got %v", err)
		}
		shut(t, c)
		if err := c.Dial(t.Context()); err == nil {
			t.Error("a closed client dials")
		}
	}))
	t.Run("a server that says nothing", bubble(func(t *testing.T) {
		asked := make(chan struct{})
		silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
		})
		c := client.New(url, in(silent, client.Options{}))
		got := make(chan error, 1)
		go func() { got <- c.Dial(t.Context()) }()
		<-asked
		shut(t, c)
		if err := <-got; !errors.Is(err, client.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}))
	t.Run("before Dial", bubble(func(t *testing.T) {
		c := client.New(url, nil)
		shut(t, c)
		if err := client.Emit(t.Context(), c, Say, "x"); !errors.Is(err, client.ErrClosed) {
			t.Errorf("got %v", err)
		}
		<-c.Done()
	}))
	t.Run("in a handler", bubble(func(t *testing.T) {
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", gateway())), client.Options{})
		client.On(c, Said, func(ctx context.Context, _ string) {
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		if err := client.Emit(t.Context(), c, Say, "x"); err != nil {
			t.Error(err)
		}
		<-c.Done()
	}))
	t.Run("while a handler ignores its context", bubble(func(t *testing.T) {
		c := dial(t, kit.NewApp(t, nil, kit.RouteTo("/", gateway())), client.Options{})
		began, until := make(chan struct{}), make(chan struct{})
		client.On(c, Said, func(context.Context, string) { close(began); <-until })
		if err := client.Do(t.Context(), c, Say, "x"); err != nil {
			t.Error(err)
		}
		<-began
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(until)
	}))
}

// What is sent while there is no connection fails, or waits in the queue and comes first.
func TestQueue(t *testing.T) {
	bubble(func(t *testing.T) {
		s := &site{}
		var journal []string
		g := gateway(wsgate.On(wsgate.Event[string]("note"), func(_ context.Context, _ *kit.Conn, text string) error {
			journal = append(journal, text)
			return nil
		}))
		note := wsgate.Event[string]("note")
		first := kit.NewApp(t, nil, kit.RouteTo("/", g))
		s.serve(first)
		none, two := dial(t, s, client.Options{}), dial(t, s, client.Options{Queue: 2})
		s.serve(refusing(503))
		if err := first.End(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := client.Emit(t.Context(), none, note, "x"); !errors.Is(err, client.ErrNotConnected) {
			t.Errorf("got %v", err)
		}
		if _, err := client.Call(t.Context(), none, Twice, "x"); !errors.Is(err, client.ErrNotConnected) {
			t.Errorf("got %v", err)
		}
		if err := client.Emit(t.Context(), two, note, "first"); err != nil {
			t.Error(err)
		}
		answers := make(chan string, 1)
		go func() {
			answer, err := client.Call(t.Context(), two, Twice, "x")
			answers <- fmt.Sprint(answer, err)
		}()
		synctest.Wait()
		if err := client.Emit(t.Context(), two, note, "full"); !errors.Is(err, client.ErrNotConnected) {
			t.Errorf("got %v", err)
		}
		<-time.After(time.Hour)
		s.serve(kit.NewApp(t, nil, kit.RouteTo("/", g)))
		if got := <-answers; got != "xx<nil>" {
			t.Errorf("got %s", got)
		}
		if got := strings.Join(journal, ","); got != "first" {
			t.Errorf("the server got %s", got)
		}
	})(t)
}

// A server that no longer answers anything, not even pings, is left.
func TestSilentServer(t *testing.T) {
	bubble(func(t *testing.T) {
		var seen states
		hold := make(chan struct{})
		defer close(hold)
		silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			go func() {
				<-hold // without reading
				_ = ws.CloseNow()
			}()
		})
		c := client.New(url, in(silent, client.Options{OnState: seen.add}))
		if err := c.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() {
			_, err := client.Call(t.Context(), c, Wait, 1)
			got <- err
		}()
		if err := <-got; !errors.Is(err, client.ErrDisconnected) || !strings.Contains(err.Error(), "did not answer a ping") {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})(t)
}

// A connection that breaks without a close frame is made again; one on which nothing happens lives on.
func TestReset(t *testing.T) {
	bubble(func(t *testing.T) {
		var seen states
		raw := make(chan memory.Conn, 2)
		app := kit.NewApp(t, nil, kit.RouteTo("/", gateway()))
		c := client.New(url, &client.Options{OnState: seen.add, HTTPClient: &http.Client{Transport: memory.Transport{
			Handler: app, Wrap: func(conn memory.Conn) memory.Conn { raw <- conn; return conn },
		}}})
		if err := c.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer shut(t, c)
		<-time.After(24 * time.Hour)
		if got := len(seen.list()); got != 2 {
			t.Errorf("%d states in a quiet day: %v", got, seen.list())
		}
		if err := (<-raw).Reset(); err != nil {
			t.Error(err)
		}
		<-raw
		synctest.Wait()
		if got := c.State().Phase; got != client.Connected {
			t.Errorf("got %v", got)
		}
	})(t)
}
