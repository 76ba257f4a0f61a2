package transport

import (
	"net/http"
	"slices"
	"strings"
)

// deflateAnswer returns the server's answer to the first offer of permessage-deflate that it can keep, "" if there is none
// (RFC 7692 section 5.1).
func deflateAnswer(r *http.Request) string {
	for _, value := range r.Header[extensionsHeader] {
		for offer := range strings.SplitSeq(value, ",") {
			if answer := answerOffer(offer); answer != "" {
				return answer
			}
		}
	}
	return ""
}

var windowBits = []string{"8", "9", "10", "11", "12", "13", "14", "15"}

// answerOffer returns the answer to one offer, "" to decline it. One with a parameter that is not known, that has a value
// it may not have, or that is there twice, has to be declined (RFC 7692 section 7.1). Every message is compressed on its
// own, with the window of 15 bits that compress/flate has. A client that has asked for a bound of the server's window has
// to be told it (section 7.1.2.1).
func answerOffer(offer string) string {
	name, parameters, more := strings.Cut(offer, ";")
	if strings.TrimSpace(name) != "permessage-deflate" {
		return ""
	}
	answer := "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	var seen []string
	for more {
		var parameter string
		parameter, parameters, more = strings.Cut(parameters, ";")
		name, value, hasValue := strings.Cut(parameter, "=")
		name, value = strings.TrimSpace(name), unquoted(strings.TrimSpace(value))
		ok := false
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			ok = !hasValue
		case "client_max_window_bits": // the client may compress with less than can be inflated here
			ok = !hasValue || slices.Contains(windowBits, value)
		case "server_max_window_bits":
			ok = value == "15"
			answer += "; server_max_window_bits=15"
		}
		if !ok || slices.Contains(seen, name) {
			return ""
		}
		seen = append(seen, name)
	}
	return answer
}

// unquoted returns the token in a quoted string (RFC 6455 section 9.1), and everything else as it is.
func unquoted(value string) string {
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		if token, ok := strings.CutSuffix(inner, `"`); ok {
			return token
		}
	}
	return value
}
