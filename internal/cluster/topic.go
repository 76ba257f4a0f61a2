package cluster

import "strings"

// Topic returns the topic of a kind of thing with a name of several parts, whatever the parts are: no two names have
// the same topic, and none has a wildcard, a space or an empty token in the eyes of an engine.
func Topic(kind string, parts ...string) string {
	var b strings.Builder
	b.WriteString(kind)
	for _, part := range parts {
		b.WriteByte('.')
		writeToken(&b, part)
	}
	return b.String()
}

const hex = "0123456789ABCDEF"

// writeToken keeps letters, digits, '-' and '_', writes any other byte as '=' and two hexadecimal digits, and nothing
// as a lone '='.
func writeToken(b *strings.Builder, s string) {
	if s == "" {
		b.WriteByte('=')
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			b.WriteByte('=')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}

// Token returns a part as it stands in a topic.
func Token(part string) string {
	var b strings.Builder
	writeToken(&b, part)
	return b.String()
}

// Part returns the part that a token stands for; ok is false if it stands for none.
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
