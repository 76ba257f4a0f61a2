package wsgate

import (
	"fmt"
	"reflect"
	"strings"
)

// relaxed is the multiple of its default above which a limit is reported: far above what any known application needs.
const relaxed = 16

// audit returns a warning for every protective default that was relaxed.
func (a *App) audit() (warnings []string) {
	for _, origin := range a.origins {
		switch _, host, full := strings.Cut(origin, "://"); {
		case origin == opaque:
			warnings = append(warnings, fmt.Sprintf("Options.Origins has %q: a page of any site may open a frame with this origin, and connect with its visitor's cookies", origin))
		case origin == "*" || full && host == "*":
			warnings = append(warnings, fmt.Sprintf("Options.Origins has %q: a page of any site may connect with its visitor's cookies", origin))
		}
	}
	if a.compress {
		warnings = append(warnings, "Options.Compression is on: the length of a message that contains both a secret and text chosen by a stranger can reveal the secret")
	}
	warnings = append(warnings, a.limits.audit("Options")...)
	if most := a.limits.atPace(); a.limits.Connections > most {
		warnings = append(warnings, fmt.Sprintf("Options: Limits.Connections is %d, and half of Limits.Drain, %v, at a Limits.DrainPace of %d a second is enough for %d connections: "+
			"a shutdown with more sends them to other nodes faster than that", a.limits.Connections, a.limits.Drain, a.limits.DrainPace, most))
	}
	for _, r := range a.registry.routes {
		if r.Limits != nil {
			warnings = append(warnings, r.Limits.withDefaults().audit(fmt.Sprintf("route %q", r.Path))...)
		}
	}
	return warnings
}

// audit returns a warning for every limit that is far above its default. of names the owner of the limits.
func (l Limits) audit(of string) (warnings []string) {
	have, baseline := reflect.ValueOf(l), reflect.ValueOf(l.baseline())
	for i := range have.NumField() {
		if usual := baseline.Field(i).Int(); usual > 0 && (have.Field(i).Int()-1)/relaxed >= usual { // above relaxed × usual, which may overflow
			name, bounds := have.Type().Field(i).Name, "what one client can cost"
			if name == "DrainPace" {
				bounds = "how many clients a second a shutdown sends to other nodes"
			}
			warnings = append(warnings, fmt.Sprintf("%s: Limits.%s is %v, the default is %v: it bounds %s",
				of, name, have.Field(i), baseline.Field(i), bounds))
		}
	}
	return warnings
}
