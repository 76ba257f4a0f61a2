package wsgate

import (
	"fmt"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/mistake"
)

// Envelope names the JSON keys around a payload. The zero value is the flat form: the fields of an object payload
// stand beside "type" and "id", and any other payload stands under "data". An object payload also stands under "data"
// if its type has a field with one of these three names, as most types with an ID have, whatever the field's value is.
// If Data is set, every payload stands under that key, as in the {"event":…,"data":…} of NestJS clients. An empty Type
// is "type", an empty ID is "id".
type Envelope struct{ Type, ID, Data string }

func (e Envelope) names() envelope.Names { return envelope.New(e.Type, e.ID, e.Data) }

// check returns a mistake for every key that is ambiguous or not valid. of names the owner of the envelope.
func (e Envelope) check(of string) (mistakes []error) {
	n := e.names()
	for key, why := range n.WrongKeys() {
		mistakes = append(mistakes, &mistake.Mistake{What: fmt.Sprintf("%s: Envelope key %q %s", of, key, why), Fix: "choose another key"})
	}
	return mistakes
}
