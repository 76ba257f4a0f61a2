package wsgate

import "github.com/coder/websocket"

// StatusReplaced is the close code of a connection that had to make room for a newer one of the same user, see
// [Options].CloseOldest. A client that gets it does not connect again by itself: it would take the place of the newer one,
// which would come back in turn.
const StatusReplaced websocket.StatusCode = 4409
