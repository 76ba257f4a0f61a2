package frame

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// ErrTooLong is returned for a message that is longer than allowed once it is inflated.
var ErrTooLong = errors.New("message is too long")

// end is what follows a message's payload to make it a complete stream: what a sync flush ends with, and an empty last
// block. A payload that was cut short does not reach it.
const end = tail + "\x01\x00\x00\xff\xff"

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// Inflate returns what a payload of permessage-deflate without context takeover says (RFC 7692 section 7.2.2), if that
// is at most limit bytes long.
func Inflate(payload []byte, limit int) ([]byte, error) {
	if len(payload) == 0 {
		return nil, nil // is no stream, but what some send for an empty message
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
