package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/wsgate/wsgate"
)

// Who somebody is: a client may have a token, a secret of its own making, and is the same user with it on every
// connection, to any node, before and after a restart. The user id, which everybody sees, is a hash of it, so there is no
// table of users, and no way back from an id to its token.
//
// The token is offered as a subprotocol, next to the one that is spoken:
//
//	new WebSocket(url, ["wsgate-chat", "token." + token])
//
// It is the one header that a browser's client can set. Unlike an address it is in no log, and the answer names only the
// other. It must be random: whoever guesses it is that user.
const (
	subprotocol = "wsgate-chat"
	tokenPrefix = "token."
	tokenBytes  = 32 // in twice as many hex digits
)

// identify returns the id of the user whose token the request has, or a new one if it has none.
func identify(r *http.Request) (id string, err error) {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for offer := range strings.SplitSeq(line, ",") {
			token, ok := strings.CutPrefix(strings.TrimSpace(offer), tokenPrefix)
			if !ok {
				continue
			}
			secret, err := hex.DecodeString(token)
			if err != nil || len(secret) != tokenBytes {
				return "", wsgate.Errorf(wsgate.Invalid, "a token is %d hex digits", 2*tokenBytes)
			}
			hash := sha256.Sum256(secret)
			return base32.StdEncoding.EncodeToString(hash[:])[:len(rand.Text())], nil
		}
	}
	return rand.Text(), nil
}
