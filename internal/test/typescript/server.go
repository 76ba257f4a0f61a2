package typescript

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Server serves an App at one address, and the folder of the client package under /client/. A program tells it with
// requests to /control/ what is to happen:
//
//	restart  shuts the App down, and serves a new one
//	deploy   serves a new App, and shuts the old one down
//	refuse   refuses upgrades with 503, until admit
//	admit    ends that
//	listen   serves at the second address as well
//	hanging  answers when so many calls hang as ?n= says
//	tokens   answers the tokens that were used, in order
type Server struct {
	Address string
	Second  string // nothing listens there until listen

	front  *httptest.Server
	files  http.Handler
	second *http.Server

	mu       sync.Mutex // guards following
	changed  sync.Cond
	app      *wsgate.App
	refusing bool
	hanging  int
	tokens   []string
}

// NewServer starts a server that serves the files in a folder.
func NewServer(folder string) (*Server, error) {
	s := &Server{files: http.StripPrefix("/client/", http.FileServer(http.Dir(folder)))}
	s.changed.L = &s.mu
	app, err := s.newApp()
	if err != nil {
		return nil, err
	}
	s.app = app
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Second = free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	s.front = httptest.NewServer(s)
	s.Address = s.front.Listener.Addr().String()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() error {
	s.mu.Lock()
	app, second := s.app, s.second
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := app.Shutdown(ctx)
	if second != nil {
		err = errors.Join(err, second.Close())
	}
	s.front.Close()
	return err
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	app, refusing := s.app, s.refusing
	s.mu.Unlock()
	switch command, ok := strings.CutPrefix(r.URL.Path, "/control/"); {
	case ok:
		s.control(w, r, command)
	case r.URL.Path == "/page":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>page</title>")
	case strings.HasPrefix(r.URL.Path, "/client/"):
		s.files.ServeHTTP(w, r)
	case refusing:
		http.Error(w, "starting", http.StatusServiceUnavailable)
	default:
		app.ServeHTTP(w, r)
	}
}

func (s *Server) control(w http.ResponseWriter, r *http.Request, command string) {
	var err error
	switch command {
	case "restart":
		err = s.restart(r.Context())
	case "deploy":
		err = s.deploy(r.Context())
	case "listen":
		err = s.listen()
	case "refuse", "admit":
		s.mu.Lock()
		s.refusing = command == "refuse"
		s.mu.Unlock()
	case "hanging":
		n, _ := strconv.Atoi(r.FormValue("n"))
		s.mu.Lock()
		for s.hanging < n {
			s.changed.Wait()
		}
		s.mu.Unlock()
	case "tokens":
		s.mu.Lock()
		_, err = io.WriteString(w, strings.Join(s.tokens, " "))
		s.tokens = nil
		s.mu.Unlock()
	default:
		err = errors.New("no such command")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *Server) restart(ctx context.Context) error {
	app, err := s.newApp()
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.app
	s.mu.Unlock()
	err = old.Shutdown(ctx) // while it shuts down, it refuses upgrades
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app, s.hanging = app, 0
	return err
}

func (s *Server) deploy(ctx context.Context) error {
	app, err := s.newApp()
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.app
	s.app = app
	s.mu.Unlock()
	return old.Shutdown(ctx)
}

func (s *Server) listen() error {
	ln, err := net.Listen("tcp", s.Second)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.second = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.second.Serve(ln) }() // until Close
	return nil
}

func (s *Server) newApp() (*wsgate.App, error) {
	events := func() *gateway { return &gateway{server: s} }
	return wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/chat/{room}", New: events, Limits: &wsgate.Limits{Rate: math.MaxInt, Message: 4 << 20, QueueBytes: 8 << 20}},
		{Path: "/renamed", New: events, Envelope: wsgate.Envelope{Type: "op", ID: "ref"}},
		{Path: "/nested", New: events, Envelope: wsgate.Envelope{Type: "event", Data: "data"}},
		{Path: "/private", New: events, Subprotocols: []string{"v1"}},
		{Path: "/raw", New: func() *raw { return new(raw) }},
		{Path: "/short", New: func() *short { return new(short) }, Limits: &wsgate.Limits{Rate: math.MaxInt, Refresh: time.Second, RefreshGrace: 200 * time.Millisecond}},
	}}, &wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: wsgate.Limits{Rate: math.MaxInt, UserConnections: 1}, CloseOldest: true})
}

// user is whom a connection belongs to, if the request says so.
type user struct{ id string }

func (u user) UserID() string { return u.id }

type conn = wsgate.Conn[user]

// The events of the gateway. cmd/wsgate would make the types in testdata/contract.ts of them.
const (
	say   wsgate.Event[string]        = "say"   // said to all
	said  wsgate.Event[line]          = "said"  // to all
	greet wsgate.Event[struct{}]      = "greet" // answered by said
	check wsgate.Event[string]        = "check" // fails if it is empty
	drop  wsgate.Event[int]           = "drop"  // closes the connection with that code
	echo  wsgate.Call[line, line]     = "echo"
	move  wsgate.Call[card, card]     = "move"
	hang  wsgate.Call[struct{}, line] = "hang" // is never answered
	slow  wsgate.Call[int, string]    = "slow" // is answered after so many milliseconds
)

type line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// card has a field with the name of one of the envelope's keys.
type card struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

type gateway struct{ server *Server }

// OnUpgrade notes the token, which is in the URL or in a subprotocol.
func (g *gateway) OnUpgrade(r *http.Request) (user, error) {
	token := r.FormValue("token")
	if _, bearer, ok := strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), "bearer."); ok {
		token = bearer
	}
	if token != "" {
		g.server.mu.Lock()
		defer g.server.mu.Unlock()
		g.server.tokens = append(g.server.tokens, token)
	}
	return user{r.FormValue("user")}, nil
}

func (g *gateway) Events() wsgate.Events[user] {
	return wsgate.Events[user]{
		wsgate.On(say, func(_ context.Context, c *conn, text string) error { return said.Emit(c.All(), line{"all", text}) }),
		wsgate.On(greet, func(_ context.Context, c *conn, _ struct{}) error { return said.Emit(c, line{"server", "hello"}) }),
		wsgate.On(check, func(_ context.Context, _ *conn, text string) error {
			if text == "" {
				return &wsgate.Error{Code: wsgate.Invalid, Message: "say something", Details: []string{"text"}}
			}
			return nil
		}),
		wsgate.On(drop, func(_ context.Context, c *conn, code int) error {
			c.Close(websocket.StatusCode(code), "dropped")
			return nil
		}),
		wsgate.Answer(echo, func(_ context.Context, _ *conn, l line) (line, error) { return l, nil }),
		wsgate.Answer(move, func(_ context.Context, _ *conn, c card) (card, error) { return c, nil }),
		wsgate.Answer(slow, func(_ context.Context, _ *conn, milliseconds int) (string, error) {
			<-time.After(time.Duration(milliseconds) * time.Millisecond)
			return "slow", nil
		}),
		wsgate.Answer(hang, func(ctx context.Context, _ *conn, _ struct{}) (line, error) {
			g.server.mu.Lock()
			g.server.hanging++
			g.server.changed.Broadcast()
			g.server.mu.Unlock()
			<-ctx.Done()
			return line{}, ctx.Err()
		}),
	}
}

// raw sends back what it gets.
type raw struct{}

func (*raw) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	return c.Send(m)
}

// session is the data of a connection whose session ends.
type session struct{ end time.Time }

func (s session) ExpiresAt() time.Time { return s.end }

// short has short sessions, and renews them for a good token.
type short struct{}

func (*short) OnUpgrade(*http.Request) (session, error) {
	return session{time.Now().Add(time.Second)}, nil
}

func (*short) OnRefresh(_ context.Context, _ *wsgate.Conn[session], token string) (session, error) {
	if token != "good" {
		return session{}, wsgate.Errorf(wsgate.Unauthenticated, "log in")
	}
	return session{time.Now().Add(time.Hour)}, nil
}

func (*short) Events() wsgate.Events[session] {
	return wsgate.Events[session]{
		wsgate.Answer(echo, func(_ context.Context, _ *wsgate.Conn[session], l line) (line, error) { return l, nil }),
	}
}
