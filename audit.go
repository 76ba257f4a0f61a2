package wsgate

import (
	"fmt"
	"reflect"
	"strings"
)

// relaxed is how many times its default a limit may be before it deserves a warning: far more than any application
// that was seen to need more.
const relaxed = 16

// audit returns a line for every default that protects the server or its users and was relaxed.
func (a *App) audit() (warnings []string) {
	for _, origin := range a.origins {
		if _, host, full := strings.Cut(origin, "://"); origin == "*" || full && host == "*" {
			warnings = append(warnings, fmt.Sprintf("Options.Origins has %q: a page of any site may connect with its visitor's cookies", origin))
		}
	}
	if a.compress {
		warnings = append(warnings, "Options.Compression is on: a message that has both a secret and what a stranger chose can give the secret away by its length")
	}
	warnings = append(warnings, a.limits.audit("Options")...)
	for _, r := range a.registry.routes {
		if r.Limits != nil {
			warnings = append(warnings, r.Limits.withDefaults().audit(fmt.Sprintf("route %q", r.Path))...)
		}
	}
	return warnings
}

// audit returns a line for every limit that is far above its default. of says whose limits they are.
func (l Limits) audit(of string) (warnings []string) {
	have, baseline := reflect.ValueOf(l), reflect.ValueOf(l.baseline())
	for i := range have.NumField() {
		if max := relaxed * baseline.Field(i).Int(); max > 0 && have.Field(i).Int() > max {
			warnings = append(warnings, fmt.Sprintf("%s: Limits.%s is %v, the default is %v: it bounds what one client can cost",
				of, have.Type().Field(i).Name, have.Field(i), baseline.Field(i)))
		}
	}
	return warnings
}
