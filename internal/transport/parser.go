package transport

import (
	"bufio"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

const (
	parseSize   = 256     // coder/websocket's read buffer on top of Conn.in
	parseAlone  = 4 << 10 // the same where it is the only buffer
	controlSize = 136     // coder/websocket's write buffer; a whole control frame has to fit: 2 + 125 bytes
)

// makeParser makes the connection of coder/websocket that reads what is not a plain frame, unless there is one. Most
// connections never need it. It keeps nothing between two messages, so it can be dropped there and made again.
func (c *Conn) makeParser() error {
	if c.ws != nil {
		return nil
	}
	ws, err := websocket.Accept(&madeUpgrade{conn: c, header: make(http.Header, 4)}, &madeRequest, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	c.ws = ws
	limit := c.limits.Message
	if c.out.deflate {
		limit = c.limits.Wire // messages come out compressed; meter and inflate bound the decoded size
	}
	ws.SetReadLimit(int64(limit))
	return nil
}

// dropParser is called between two messages, or when nothing is read any more.
func (c *Conn) dropParser() {
	if c.ws != nil {
		c.ws.CloseNow()
		c.ws, c.parsed = nil, nil
	}
}

// parserStream returns what coder/websocket reads from and writes to.
func (c *Conn) parserStream() (net.Conn, *bufio.ReadWriter, error) {
	size := parseSize
	if c.sys == nil {
		size = parseAlone
	}
	c.parsed = bufio.NewReaderSize((*stream)(c), size)
	return (*stream)(c), bufio.NewReadWriter(c.parsed, bufio.NewWriterSize((*stream)(c), controlSize)), nil
}

// madeRequest is an upgrade like the one that the client has sent. websocket.Accept is the only way to a connection of
// coder/websocket, and does not change the request.
var madeRequest = http.Request{
	Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "localhost",
	Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	},
}

// madeUpgrade is the ResponseWriter for it.
type madeUpgrade struct {
	conn   *Conn
	header http.Header
}

func (u *madeUpgrade) Header() http.Header                          { return u.header }
func (u *madeUpgrade) WriteHeader(int)                              {}
func (u *madeUpgrade) Write(p []byte) (int, error)                  { return len(p), nil }
func (u *madeUpgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) { return u.conn.parserStream() }
