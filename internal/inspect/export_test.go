package inspect

// For tests.
var (
	Explain        = explain
	WithoutEscapes = withoutEscapes
)

// Unmarshal is unmarshal for tests.
func (d Decoder) Unmarshal(text []byte, v any) error { return d.unmarshal(text, v) }
