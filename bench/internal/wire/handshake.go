package wire

import (
	"bytes"
	"fmt"
)

// A constant key has a constant answer, so that a handshake costs no hashing.
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

var headerEnd = []byte("\r\n\r\n")

// UpgradeRequest is the HTTP request that opens a WebSocket at path.
func UpgradeRequest(host, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, host, handshakeKey)
}

// UpgradeResponse checks the answer to an UpgradeRequest and returns the bytes
// after it, which already are WebSocket frames. With done false b holds only a
// part of the answer.
func UpgradeResponse(b []byte) (rest []byte, done bool, err error) {
	head, rest, done := bytes.Cut(b, headerEnd)
	if !done {
		return nil, false, nil
	}
	status, _, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		return nil, true, fmt.Errorf("upgrade answered %q", status)
	}
	if !bytes.Contains(head, []byte(handshakeAccept)) {
		return nil, true, fmt.Errorf("upgrade answered without the right Sec-WebSocket-Accept")
	}
	return rest, true, nil
}
