package contract

import (
	"encoding/json"
	"fmt"

	"github.com/wsgate/wsgate"
	wire "github.com/wsgate/wsgate/internal/envelope"
)

const errorEvent = wire.ErrorName

// Info is what a document says of the whole application. The zero value is valid: the document then has a general title, and the
// version "0.0.0".
type Info struct {
	Title       string
	Version     string // of the application, as "1.4.0"
	Description string
}

// Document is the contract of an App: an AsyncAPI 3.0.0 document.
type Document struct{ doc *document }

// New returns the contract of an App. An error is about a payload with a schema of its own, as of jsonschema.Exposer: everything
// else was checked when the App was made.
func New(app *wsgate.App) (*Document, error) { return Info{}.New(app) }

// New is [New] with this information in the document.
func (i Info) New(app *wsgate.App) (d *Document, err error) {
	defer func() {
		if p := recover(); p != nil { // in a method of a user's type
			d, err = nil, fmt.Errorf("contract: panic: %v", p)
		}
	}()
	doc, err := build(i, app.Routes())
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return &Document{doc}, nil
}

// JSON returns the document's text. It depends on the contract only: two processes of one program write the same.
func (d *Document) JSON() []byte {
	text, err := json.MarshalIndent(d.doc, "", "  ")
	if err != nil {
		panic(err) // everything in it has come from JSON, or is a string
	}
	return append(text, '\n')
}

// MarshalJSON returns the document's text.
func (d *Document) MarshalJSON() ([]byte, error) { return json.Marshal(d.doc) }
