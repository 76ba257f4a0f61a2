package transport

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// The fields of the response to a valid upgrade.
const (
	upgradeHeader     = "Upgrade"
	connectionHeader  = "Connection"
	acceptHeader      = "Sec-Websocket-Accept"
	subprotocolHeader = "Sec-Websocket-Protocol"
	extensionsHeader  = "Sec-Websocket-Extensions"

	versionHeader = "Sec-Websocket-Version"
	keyHeader     = "Sec-Websocket-Key"
)

// verify refuses a request that is not an upgrade (RFC 6455 section 4.2.1). It adds to the response's header what the
// client should have asked for.
func verify(r *http.Request, header http.Header) *Refusal {
	switch {
	case !r.ProtoAtLeast(1, 1):
		return &Refusal{Status: http.StatusUpgradeRequired, Message: "a WebSocket needs at least HTTP/1.1"}
	case !hasToken(r.Header[connectionHeader], "upgrade"):
		return upgradeRequired(header, "the Connection header has no Upgrade")
	case !hasToken(r.Header[upgradeHeader], "websocket"):
		return upgradeRequired(header, "the Upgrade header has no websocket")
	case r.Method != http.MethodGet:
		header.Set("Allow", http.MethodGet)
		return &Refusal{Status: http.StatusMethodNotAllowed, Message: "an upgrade is a GET request"}
	case r.Header.Get(versionHeader) != "13":
		header.Set(versionHeader, "13")
		return &Refusal{Status: http.StatusBadRequest, Message: "the only supported Sec-WebSocket-Version is 13"}
	case len(r.Header[keyHeader]) != 1:
		return &Refusal{Status: http.StatusBadRequest, Message: "an upgrade has one Sec-WebSocket-Key"}
	case !validKey(keyOf(r)):
		return &Refusal{Status: http.StatusBadRequest, Message: "Sec-WebSocket-Key is not 16 bytes in base64"}
	}
	return nil
}

func upgradeRequired(header http.Header, message string) *Refusal {
	header.Set(connectionHeader, "Upgrade")
	header.Set(upgradeHeader, "websocket")
	return &Refusal{Status: http.StatusUpgradeRequired, Message: message}
}

// hasToken reports whether a list has the token, in whatever case.
func hasToken(list []string, token string) bool {
	for _, value := range list {
		for element := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(element), token) {
				return true
			}
		}
	}
	return false
}

func keyOf(r *http.Request) string { return strings.TrimSpace(r.Header[keyHeader][0]) }

func validKey(key string) bool {
	var decoded [18]byte // 24 digits have room for as many
	if len(key) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	n, err := base64.StdEncoding.Decode(decoded[:], []byte(key))
	return err == nil && n == 16
}

// acceptKey returns the proof that the handshake was understood (RFC 6455 section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
