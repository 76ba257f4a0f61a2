package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

type conn = wsgate.Conn[*life]

// news is a broadcast. Each source counts its own from 1.
type news struct {
	Source string `json:"source"`
	N      int    `json:"n"`
}

const (
	tell    wsgate.Event[int]          = "tell" // broadcast something; the payload counts the client's messages
	told    wsgate.Event[news]         = "told"
	ask     wsgate.Call[string, *news] = "ask"  // the payload says how to answer
	move    wsgate.Event[string]       = "move" // join or leave a room
	trouble wsgate.Event[string]       = "trouble"

	people wsgate.Event[wsgate.Presence[string]] = "people"
)

// life is what must hold of a connection whatever happens to it, checked from inside its hooks, which never overlap and
// so need no lock. The schedule reads it when the connection has ended.
type life struct {
	user   string
	end    time.Time // of the session
	random *rand.Rand
	source string
	opened bool // OnOpen returned nil
	closes int
	inside bool // a hook runs
	next   int  // the payload of the tell that comes next
	sent   int  // broadcasts
	ctx    context.Context
	wrong  []string
}

func (l *life) fail(format string, args ...any) {
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// enter is called by every hook.
func (l *life) enter(what string) (leave func()) {
	switch {
	case l.inside:
		l.fail("%s while another hook runs", what)
	case l.closes > 0:
		l.fail("%s after OnClose", what)
	case !l.opened && what != "OnOpen":
		l.fail("%s before OnOpen", what)
	}
	l.inside = true
	return func() { l.inside = false }
}

func (l *life) UserID() string       { return l.user }
func (l *life) ExpiresAt() time.Time { return l.end }

// gateway is the gateway of one schedule.
type gateway struct {
	seed uint64

	mu    sync.Mutex // guards following
	users int
	conns []*conn // for which OnOpen was called
}

// all returns the connections so far.
func (g *gateway) all() []*conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.conns)
}

// OnUpgrade gives each second connection to the user of the one before, and some to nobody.
func (g *gateway) OnUpgrade(*http.Request) (*life, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users++
	l := &life{end: ending(rand.New(rand.NewPCG(g.seed, 3000+uint64(g.users))))}
	if g.users%5 > 0 {
		l.user = fmt.Sprint("user ", g.users/2)
	}
	return l, nil
}

// ending returns the end of a session: never, soon, or while the schedule lasts.
func ending(random *rand.Rand) time.Time {
	switch random.IntN(4) {
	case 0:
		return time.Time{}
	case 1:
		return time.Now().Add(time.Millisecond + time.Duration(random.IntN(50))*time.Millisecond)
	}
	return time.Now().Add(time.Second + time.Duration(random.IntN(100))*time.Second)
}

func (g *gateway) OnRefresh(ctx context.Context, c *conn, token string) (*life, error) {
	l := c.Data
	defer l.enter("OnRefresh")()
	l.work(ctx)
	switch l.random.IntN(15) {
	case 0:
		return nil, wsgate.Errorf(wsgate.Denied, "no more")
	case 1:
		return nil, websocket.CloseError{Code: 4003, Reason: "by an error"}
	case 2:
		return nil, errors.New("something internal")
	case 3:
		panic("OnRefresh")
	case 4:
		runtime.Goexit()
	case 5, 6, 7, 8:
		return nil, wsgate.Errorf(wsgate.Unauthenticated, "who are you?")
	case 9:
		return l, nil
	}
	l.end = ending(l.random)
	return l, told.Emit(c, l.broadcast())
}

func (g *gateway) OnOpen(ctx context.Context, c *conn) error {
	l := c.Data
	g.mu.Lock()
	l.random, l.source, l.next, l.ctx = rand.New(rand.NewPCG(g.seed, uint64(len(g.conns)))), c.ID(), 1, ctx
	g.conns = append(g.conns, c)
	g.mu.Unlock()
	defer l.enter("OnOpen")()
	c.Join("lobby")
	l.work(ctx)
	var err error
	switch l.random.IntN(20) {
	case 0:
		return wsgate.Errorf(wsgate.Denied, "not today")
	case 1:
		panic("OnOpen")
	case 2:
		runtime.Goexit()
	case 3:
		c.Close(4000, "at once")
	case 4:
		err = told.Emit(c.All(), l.broadcast())
	}
	l.opened = err == nil
	return err
}

func (l *life) broadcast() news {
	l.sent++
	return news{l.source, l.sent}
}

// work takes no time, some, or as long as the connection lasts.
func (l *life) work(ctx context.Context) {
	switch l.random.IntN(10) {
	case 0:
		<-time.After(time.Duration(l.random.IntN(5000)) * time.Microsecond)
	case 1:
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (g *gateway) Events() wsgate.Events[*life] {
	return wsgate.Events[*life]{
		wsgate.On(tell, g.onTell), wsgate.Answer(ask, g.onAsk), wsgate.On(move, g.onMove), wsgate.On(trouble, g.onTrouble),
		wsgate.Track(people, func(c *conn, _ string) (string, bool) { return c.ID(), true }),
	}
}

func (g *gateway) onTell(ctx context.Context, c *conn, n int) error {
	l := c.Data
	defer l.enter("tell")()
	if n != l.next {
		l.fail("message %d in place of %d", n, l.next)
	}
	l.next = n + 1
	l.work(ctx)
	room := c.All()
	switch l.random.IntN(3) {
	case 0:
		room = c.Room("lobby")
	case 1:
		room = room.Except(c)
	}
	return told.Emit(room, l.broadcast())
}

func (g *gateway) onAsk(ctx context.Context, c *conn, how string) (*news, error) {
	l := c.Data
	defer l.enter("ask")()
	l.work(ctx)
	switch how {
	case "nil":
		return nil, nil
	case "refuse":
		return nil, wsgate.Errorf(wsgate.Denied, "no")
	case "fail":
		return nil, errors.New("something internal")
	case "late":
		<-time.After(time.Duration(l.random.IntN(50)) * time.Millisecond)
	}
	return &news{l.source, l.sent}, nil
}

func (g *gateway) onMove(ctx context.Context, c *conn, room string) error {
	l := c.Data
	defer l.enter("move")()
	if l.random.IntN(2) == 0 {
		c.Leave(room)
		return nil
	}
	return c.Join(room)
}

func (g *gateway) onTrouble(ctx context.Context, c *conn, what string) error {
	l := c.Data
	defer l.enter("trouble")()
	switch what {
	case "panic":
		panic("trouble")
	case "goexit":
		runtime.Goexit()
	case "close":
		c.Close(4002, "by a handler")
	case "error":
		return websocket.CloseError{Code: 4003, Reason: "by an error"}
	case "flood":
		for told.Emit(c, l.broadcast()) == nil { // until it is slow
		}
	case "wait":
		<-ctx.Done() // ends with the connection or the App, else the schedule never does
	}
	return nil
}

func (g *gateway) OnClose(_ context.Context, c *conn, err error) {
	l := c.Data
	defer l.enter("OnClose")()
	l.closes++
	if l.ctx.Err() == nil {
		l.fail("the handlers' context lives in OnClose")
	}
	if !known(err) {
		l.fail("OnClose got %v", err)
	}
	for _, room := range c.Rooms() {
		if !listed(c, room) {
			l.fail("room %q does not list the connection in OnClose", room)
		}
	}
	if err := c.Send(wsgate.Text("late")); !errors.Is(err, wsgate.ErrClosed) {
		l.fail("Send in OnClose: %v", err)
	}
	if l.random.IntN(20) == 0 {
		panic("OnClose")
	}
}

// listed reports whether a room that the connection is in lists somebody. An outsider may let the connection leave, and join
// again, between the two questions, but not each time.
func listed(c *conn, room string) bool {
	for range 100 {
		if c.Room(room).Len() > 0 || !slices.Contains(c.Rooms(), room) {
			return true
		}
	}
	return false
}

// known reports whether err is one of the causes that a connection may end with.
func known(err error) bool {
	var closed websocket.CloseError
	var panicked *wsgate.PanicError
	if err == nil || errors.As(err, &closed) || errors.As(err, &panicked) {
		return true
	}
	for _, cause := range []error{
		wsgate.ErrSlowClient, wsgate.ErrPingTimeout, wsgate.ErrLimit, wsgate.ErrExpired, wsgate.ErrShutdown, wsgate.ErrClosed,
		io.ErrUnexpectedEOF, io.ErrClosedPipe, syscall.ECONNRESET,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return strings.Contains(err.Error(), "protocol violation") || strings.Contains(err.Error(), "Goexit")
}
