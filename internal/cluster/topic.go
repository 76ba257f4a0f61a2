package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Topic returns the topic of a kind of thing with a name of one or two parts, whatever the parts are: no two names
// have the same topic, none has a wildcard, a space or an empty token in the eyes of a message broker, and none has
// more than the 2,048 bytes that a Broker takes.
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

// maxToken is how long a token may be. Every part of up to 255 bytes has one that says what it is.
const maxToken = 3 * 255

// Token returns a part as it stands in a topic: letters, digits, '-' and '_' as they are, any other byte as '=' and two
// hexadecimal digits, nothing as a lone '='. What would be longer than that is two '=' and its SHA-256.
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

// Part returns the part that a token stands for; ok is false if it stands for none, or does not say for which.
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
