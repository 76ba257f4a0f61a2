package frame

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// ErrTooLong is returned for a message that exceeds the limit when inflated.
var ErrTooLong = errors.New("message is too long")

// end completes a message's payload to a DEFLATE stream: the end of a sync flush, and an empty final block. With a
// truncated payload, the final block is not reached.
const end = tail + "\x01\x00\x00\xff\xff"

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// Inflate decompresses a payload of permessage-deflate without context takeover (RFC 7692 section 7.2.2), up to limit
// bytes.
func Inflate(payload []byte, limit int) ([]byte, error) {
	if len(payload) == 0 {
		return nil, nil // not a valid stream, but some clients send it for an empty message
	}
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	stream := io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte(end)))
	if err := r.(flate.Resetter).Reset(stream, nil); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(text) > limit {
		return nil, ErrTooLong
	}
	return text, err
}
