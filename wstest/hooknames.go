package wstest

import (
	"fmt"
	"reflect"

	"github.com/wsgate/wsgate/internal/hookname"
)

// nearHook returns an error for a method whose name is nearly a hook's. Only a test may look at all methods of a type:
// in a program that would keep the linker from dropping any method of any type.
func nearHook(gateway reflect.Type) error {
	for i := range gateway.NumMethod() {
		name := gateway.Method(i).Name
		if hook := hookname.Near(name); hook != "" {
			return fmt.Errorf("wsgate: %v.%s is not a hook and would never be called\n\tfix: did you mean %s? else choose a name that is less like it", gateway, name, hook)
		}
	}
	return nil
}
