package wstest

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"github.com/wsgate/wsgate/internal/hookname"
	"github.com/wsgate/wsgate/internal/mistake"
)

// nearHooks returns an error for every method whose name is nearly a hook's. Only a test may look at all methods of a
// type: in a program that would keep the linker from dropping any method of any type.
func nearHooks(gateway reflect.Type) (errs []error) {
	for i := range gateway.NumMethod() {
		m := gateway.Method(i)
		hook := hookname.Near(m.Name)
		if hook == "" {
			continue
		}
		where := ""
		pc := m.Func.Pointer()
		if file, line := runtime.FuncForPC(pc).FileLine(pc); !strings.HasPrefix(file, "<") { // the code of a promoted method is generated
			where = mistake.Position(file, line)
		}
		errs = append(errs, &mistake.Mistake{
			What: fmt.Sprintf("%v.%s is not a hook and would never be called", gateway, m.Name), Where: where,
			Fix: "did you mean " + hook + "? else choose a name that is less like it",
		})
	}
	return errs
}
