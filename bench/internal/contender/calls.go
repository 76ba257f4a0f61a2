package contender

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"

	"github.com/wsgate/wsgate"
)

// The servers that answer a call with its own payload, for the benchmark of
// clients. Each client has the server of its own kind.
var (
	// WsgateCalls answers wsgate's clients on /calls.
	WsgateCalls = &Contender{
		Name: "wsgate",
		Serve: func(ln net.Listener) error {
			return serveWsgate(ln, wsgate.Route{Path: "/calls", New: func() *calls { return new(calls) }})
		},
	}

	// SocketIO acknowledges the events of Socket.IO's clients.
	SocketIO = &Contender{Name: "socket.io", Script: "socketio.cjs", Runtime: "node"}

	// SignalR answers SignalR's clients on /signalr. It is not ASP.NET, which needs
	// .NET, but the part of its JSON protocol that a call needs, on a gateway that
	// takes raw messages.
	SignalR = &Contender{
		Name: "signalr",
		Serve: func(ln net.Listener) error {
			return serveWsgate(ln, wsgate.Route{Path: "/signalr", New: func() *signalrHub { return new(signalrHub) }})
		},
	}
)

const echoCall wsgate.Call[callPayload, callPayload] = "echo"

type callPayload struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

type calls struct{}

func (g *calls) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.Answer(echoCall, g.echo)}
}

func (*calls) echo(_ context.Context, _ *wsgate.Conn[struct{}], p callPayload) (callPayload, error) {
	return p, nil
}

// signalrHub speaks SignalR's hub protocol in JSON: each message ends with a
// record separator, and a frame may hold several. The first is the handshake.
type signalrHub struct{}

// The types of messages that occur here.
const (
	signalrInvocation = 1
	signalrCompletion = 3
	signalrPing       = 6
	signalrClose      = 7

	signalrEnd = 0x1e
)

type signalrMessage struct {
	Protocol     string            `json:"protocol,omitempty"` // of the handshake only
	Type         int               `json:"type"`
	InvocationID string            `json:"invocationId,omitempty"`
	Arguments    []json.RawMessage `json:"arguments,omitempty"`
	Result       json.RawMessage   `json:"result,omitempty"`
}

func (h *signalrHub) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	for record := range bytes.SplitSeq(bytes.TrimSuffix(m.Data, []byte{signalrEnd}), []byte{signalrEnd}) {
		answer, err := h.answer(record)
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		if err := c.Send(wsgate.Text(string(answer) + "\x1e")); err != nil {
			return err
		}
	}
	return nil
}

// answer returns what a message is answered with, nil for nothing.
func (*signalrHub) answer(record []byte) ([]byte, error) {
	var m signalrMessage
	if err := json.Unmarshal(record, &m); err != nil {
		return nil, err
	}
	switch {
	case m.Protocol != "":
		return []byte("{}"), nil
	case m.Type == signalrPing || m.Type == signalrClose:
		return nil, nil
	case m.Type == signalrInvocation && len(m.Arguments) == 1:
		return json.Marshal(signalrMessage{Type: signalrCompletion, InvocationID: m.InvocationID, Result: m.Arguments[0]})
	}
	return nil, fmt.Errorf("a SignalR message of type %d", m.Type)
}
