package inspect

import "reflect"

// For tests.
var (
	Explain        = explain
	WithoutEscapes = withoutEscapes
)

// Unmarshal is unmarshal for tests.
func (d Decoder) Unmarshal(text []byte, v any) error { return d.unmarshal(text, v) }

// Flat returns the plan for a type, for tests. ok is false if there is none.
func Flat(t reflect.Type) (decode func(text []byte, v any) bool, ok bool) {
	plan := flatFor(t)
	return plan.decode, plan != nil
}
