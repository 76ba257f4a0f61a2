package inspect

// For tests.
var (
	Explain        = explain
	WithoutEscapes = withoutEscapes
)
