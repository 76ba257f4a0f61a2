package text

import "strings"

// minSecret is the length of the shortest text that is taken for a secret.
const minSecret = 8

// Without returns the text with a secret left out, and whether it had the secret.
func Without(text, secret string) (without string, had bool) {
	if len(secret) < minSecret || !strings.Contains(text, secret) {
		return text, false
	}
	return strings.ReplaceAll(text, secret, "[token]"), true
}
