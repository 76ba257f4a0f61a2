package text

import (
	"encoding/binary"
	"unicode/utf8"
)

// Valid is utf8.Valid that looks at eight bytes at a time while they are ASCII, as most messages are.
func Valid(b []byte) bool {
	const high = 0x8080808080808080 // a byte that is not ASCII has this bit
	for len(b) >= 8 && binary.LittleEndian.Uint64(b)&high == 0 {
		b = b[8:]
	}
	return utf8.Valid(b)
}
