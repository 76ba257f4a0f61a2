package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Topic returns the topic for a kind and a name of one or two parts, which may be arbitrary strings. Different names
// have different topics. No topic contains a wildcard, a space or an empty token, or has more than the 2,048 bytes that
// a Broker accepts.
func Topic(kind string, parts ...string) string {
	var b strings.Builder
	b.WriteString(kind)
	for _, part := range parts {
		b.WriteByte('.')
		b.WriteString(Token(part))
	}
	return b.String()
}

const hex = "0123456789ABCDEF"

// maxToken is the maximum length of a token. Parts of up to 255 bytes are encoded reversibly.
const maxToken = 3 * 255

// Token encodes a part of a topic: letters, digits, '-' and '_' are unchanged, any other byte becomes '=' and two
// hexadecimal digits, and an empty part becomes a lone '='. If the result exceeds maxToken, it is "==" and the part's
// SHA-256 instead.
func Token(part string) string {
	var b strings.Builder
	if part == "" {
		return "="
	}
	for i := range len(part) {
		switch c := part[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			b.WriteByte('=')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
		if b.Len() > maxToken {
			sum := sha256.Sum256([]byte(part))
			return "==" + base64.RawURLEncoding.EncodeToString(sum[:])
		}
	}
	return b.String()
}

// Part decodes a token; ok is false if the token is invalid or a hash.
func Part(token string) (part string, ok bool) {
	if token == "=" {
		return "", true
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			b = append(b, token[i])
			continue
		}
		if i+2 >= len(token) {
			return "", false
		}
		high, low := strings.IndexByte(hex, token[i+1]), strings.IndexByte(hex, token[i+2])
		if high < 0 || low < 0 {
			return "", false
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	return string(b), Token(string(b)) == token
}
