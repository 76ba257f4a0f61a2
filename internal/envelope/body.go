package envelope

import (
	"bytes"
	"encoding/json"
	"sync"
)

// Body is the JSON of a value, in a buffer that is used again after Free.
type Body struct {
	buffer  bytes.Buffer
	encoder *json.Encoder // into buffer
}

var bodyPool = sync.Pool{New: func() any {
	b := new(Body)
	b.encoder = json.NewEncoder(&b.buffer)
	return b
}}

// NewBody encodes v as [json.Marshal] does. After an error or a panic, what was used for it is not used again.
func NewBody(v any) (*Body, error) {
	b := bodyPool.Get().(*Body)
	if err := b.encoder.Encode(v); err != nil {
		return nil, err
	}
	return b, nil
}

// JSON returns the text, which is valid until Free.
func (b *Body) JSON() []byte {
	text := b.buffer.Bytes()
	return text[:len(text)-1] // the encoder ends it with a line break
}

// Free gives the buffer back, unless it is so large that it is not worth keeping. b may be nil, and is not used any more.
func (b *Body) Free() {
	if b == nil || b.buffer.Cap() > maxScratch {
		return
	}
	b.buffer.Reset()
	bodyPool.Put(b)
}
