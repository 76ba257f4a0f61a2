package wire

import "bytes"

// Centrifuge is the JSON protocol of the centrifuge library, as far as the
// workloads need it: a connect command first, an RPC for an echo, an
// asynchronous message to publish, and pushes as the room's messages. Several
// replies and pushes may share a frame, one on each line.
type Centrifuge struct{}

var (
	centrifugePush = []byte(`{"push":{"channel"`)
	centrifugeRPC  = []byte(`,"rpc":{`)
	centrifugeData = []byte(`"data":`)
)

// Hello is the connect command; the server subscribes the client to its room.
func (Centrifuge) Hello() []byte {
	return NewClientFrame(OpText, []byte(`{"id":1,"connect":{}}`)).Bytes
}

// Request is an RPC, answered to the sender, or a message, published to the room.
func (Centrifuge) Request(payload []byte, room bool) Request {
	head, tail := `{"id":2,"rpc":{"method":"echo","data":`, `}}`
	if room {
		head, tail = `{"send":{"data":`, `}}`
	}
	text := append(append([]byte(head), payload...), tail...)
	return newRequest(text, payload)
}

// Next returns the data of a push or of an RPC's reply.
func (Centrifuge) Next(frame []byte) (message, rest []byte) {
	line := frame
	if i := bytes.IndexByte(frame, '\n'); i >= 0 {
		line, rest = frame[:i], frame[i+1:]
	}
	closing := 0 // braces after the data
	switch {
	case bytes.HasPrefix(line, centrifugePush):
		closing = len(`}}}`)
	case bytes.Contains(line[:min(len(line), 32)], centrifugeRPC):
		closing = len(`}}`)
	default:
		return nil, rest
	}
	i := bytes.Index(line, centrifugeData)
	if i < 0 || len(line)-closing < i+len(centrifugeData) {
		return nil, rest
	}
	return line[i+len(centrifugeData) : len(line)-closing], rest
}
