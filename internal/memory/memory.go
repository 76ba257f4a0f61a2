// Package memory connects WebSocket clients to an http.Handler in the same process over a pipe instead of a network.
// Nothing in it waits for anything outside the process, so it also works in a bubble of testing/synctest.
//
// A pipe has no buffer: a write of the server blocks until the client reads. So a client that does not read is slow at
// once.
package memory

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/coder/websocket"
)

// Host is the server's host, used for targets without one.
const Host = "example.com"

// Dial opens a WebSocket to the handler. The target is a path with an optional query, or a URL. Subprotocols are
// offered in the header's Sec-WebSocket-Protocol. The response is not nil if the handler has responded, even with a
// refusal.
func Dial(h http.Handler, target string, header http.Header) (*websocket.Conn, *http.Response, error) {
	return Transport{Handler: h}.Dial(target, header)
}

// Dial is [Dial] through this Transport.
func (t Transport) Dial(target string, header http.Header) (*websocket.Conn, *http.Response, error) {
	var offered []string
	for _, line := range header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.TrimSpace(name))
		}
	}
	return websocket.Dial(context.Background(), absolute(target), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: t},
		HTTPHeader:   header,
		Subprotocols: offered,
	})
}

// DialRaw performs the handshake of [Dial] and returns the client's end of the raw connection, for clients that stall,
// disconnect or send what no library would. The header may override the handshake's fields.
func DialRaw(h http.Handler, target string, header http.Header) (net.Conn, *http.Response, error) {
	u, err := url.Parse(absolute(target))
	if err != nil {
		return nil, nil, err
	}
	r := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ=="},
	}}).WithContext(context.Background())
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	resp, err := Transport{Handler: h}.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	conn, ok := resp.Body.(net.Conn)
	if !ok {
		return nil, resp, fmt.Errorf("memory: handshake answered with status %s", resp.Status)
	}
	resp.Body = http.NoBody
	return conn, resp, nil
}

func absolute(target string) string {
	if strings.HasPrefix(target, "/") {
		return "ws://" + Host + target
	}
	return target
}

// Transport is an http.RoundTripper that calls the handler, as net/http's server would: the request's context ends when
// the handler returns. A Host in the header becomes the request's. The body of a response with status 101 is the
// client's end of the connection, a [Conn].
type Transport struct {
	Handler http.Handler
	Wrap    func(Conn) Conn // if not nil, called with the client's end before anything was read from it
}

// RoundTrip calls the handler. It returns when the handler returns, or when it has flushed a complete response with a
// Content-Length.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.URL.Scheme, in.URL.Host = "", ""
	in.Host = cmp.Or(r.Header.Get("Host"), r.Host, r.URL.Host)
	in.Header.Del("Host") // as in net/http's server
	in.RequestURI = in.URL.RequestURI()
	from := clientAddr()
	in.RemoteAddr = from.String()
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &response{from: from, header: http.Header{}, hijacked: make(chan struct{}), complete: make(chan struct{})}
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- serve(t.Handler, w, in)
	}()
	select {
	case <-w.complete:
	case <-w.hijacked:
		resp, err := t.readResponse(w.client, r)
		if panicked := <-served; panicked != nil {
			err = panicked
		}
		return resp, err
	case err := <-served:
		if err != nil {
			return nil, err
		}
	}
	if w.client != nil { // the handler has hijacked the connection
		return t.readResponse(w.client, r)
	}
	w.Flush()
	return &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		Proto: in.Proto, ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(bytes.NewReader(w.flushed)), ContentLength: int64(len(w.flushed)), Request: r,
	}, nil
}

// serve calls the handler and returns its panic as an error.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("memory: the handler panicked: %v", p)
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// readResponse reads the response on a hijacked connection.
func (t Transport) readResponse(conn Conn, r *http.Request) (*http.Response, error) {
	if t.Wrap != nil {
		conn = t.Wrap(conn)
	}
	parsed := bufio.NewReader(conn)
	resp, err := http.ReadResponse(parsed, r)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("memory: the handler hijacked the connection and wrote no response: %w", err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body, resp.ContentLength = &upgraded{conn, parsed}, -1
	}
	return resp, nil
}

// upgraded is the connection after the response, including data that arrived with the response.
type upgraded struct {
	Conn
	parsed *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) {
	if u.parsed.Buffered() > 0 {
		return u.parsed.Read(p)
	}
	return u.Conn.Read(p)
}

// response is the handler's ResponseWriter.
type response struct {
	from     addr
	header   http.Header
	status   int         // 0 until the header is written
	sent     http.Header // a copy from that moment
	body     bytes.Buffer
	flushed  []byte        // the body as of the last Flush
	complete chan struct{} // closed by a Flush when the body has the length in the header
	client   *end          // once hijacked
	hijacked chan struct{} // closed when hijacked
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush sends the response so far. RoundTrip returns it only when it is complete.
func (w *response) Flush() {
	w.WriteHeader(http.StatusOK)
	select {
	case <-w.complete:
		return // beyond Content-Length
	default:
	}
	w.flushed = bytes.Clone(w.body.Bytes())
	if w.sent.Get("Content-Length") == strconv.Itoa(len(w.flushed)) {
		close(w.complete)
	}
}

// Hijack makes the connection. As in net/http, a header that was written is sent first.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.client != nil {
		return nil, nil, http.ErrHijacked
	}
	client, server := pipe(w.from)
	w.client = client
	close(w.hijacked)
	if w.status != 0 {
		var head bytes.Buffer
		fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
		w.sent.Write(&head)
		head.WriteString("\r\n")
		if _, err := head.WriteTo(server); err != nil {
			return nil, nil, err
		}
	}
	return server, bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)), nil
}
