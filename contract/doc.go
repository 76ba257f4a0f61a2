// Package contract describes what goes over the wire of an App: which events clients may send, what they are answered, what
// the server sends, and the JSON of all of it. The description is an AsyncAPI 3.0.0 document. It is made of a built App, so it
// cannot differ from what the App does.
//
//   - [Check], in a test, keeps the document and TypeScript types in files, and fails when a change would break the clients that
//     are out there.
//   - [Handler] serves the document.
//   - [Diff] compares two documents.
//   - [Document.TypeScript] writes the types for a client in TypeScript.
//
// The command wsgate does the same from a shell: wsgate contract, wsgate contract diff and wsgate gen ts.
//
// # The JSON of a type
//
// A schema describes what encoding/json does with a type: names, embedded structs, omitempty, omitzero and string in tags,
// null for nil, base64 for bytes. A type with a MarshalJSON method of its own may be anything, unless it describes itself
// with a method of github.com/swaggest/jsonschema-go: Enum for a list of its values, JSONSchema for a whole schema. The tags
// description, minimum, maxLength and others of that package add to the schema of a field; nothing checks that values keep to
// them, see [wsgate.On] for validation.
//
// For a type whose two directions differ, as one that has MarshalJSON but no UnmarshalJSON, there are two schemas; that for what
// clients send has a name that ends in Input. Types of one name in two packages are called by both: ChatLine and ShopLine.
//
// # Why this library
//
// AsyncAPI has the schemas of draft-07 of JSON Schema, and swaggest/jsonschema-go makes these, from reflection alone, with hooks
// where encoding/json does otherwise. It depends on nothing but its own reflection helpers, and is behind one function here. A
// test holds that function to encoding/json by a second implementation. Others that were tried: google/jsonschema-go v0.4.3
// refuses types that contain themselves, and describes a []byte as a list of numbers; invopop/jsonschema v0.14.0 makes one schema
// of two types that have the same name; danielgtaylor/huma requires nine HTTP routers.
package contract
