package contract

import (
	"encoding/json"
	"reflect"

	"github.com/wsgate/wsgate"
)

// Line has the name of a type of the tests' package.
type Line struct {
	Number int32 `json:"number"`
}

// Schemas returns the schemas of a type as one JSON value: what clients send of it and what the server sends.
func Schemas(t reflect.Type) (incoming, outgoing []byte, err error) {
	b := &builder{doc: &document{AsyncAPI: version, Components: components{Schemas: map[string]*schema{}}}, types: newReflector(), keys: taken()}
	var both [2]*schema
	for _, dir := range []direction{in, out} {
		if both[dir], err = b.types.schema(t, dir); err != nil {
			return nil, nil, err
		}
		b.schemas = append(b.schemas, both[dir])
	}
	if err := b.components(); err != nil {
		return nil, nil, err
	}
	var texts [2][]byte
	for i, s := range both {
		texts[i], err = json.Marshal(map[string]any{"allOf": []any{s}, "components": b.doc.Components})
		if err != nil {
			return nil, nil, err
		}
	}
	return texts[in], texts[out], nil
}

// Build returns the contract of routes that no App has.
func Build(i Info, routes ...wsgate.RouteInfo) (*Document, error) {
	doc, err := build(i, routes)
	return &Document{doc}, err
}
