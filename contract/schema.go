package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// schema is a JSON schema of draft-07, or an AsyncAPI schema object, which is a superset.
type schema struct {
	Ref                  string            `json:"$ref,omitempty"`
	Title                string            `json:"title,omitempty"`
	Description          string            `json:"description,omitempty"`
	Type                 types             `json:"type,omitempty"`
	Format               string            `json:"format,omitempty"`
	ContentEncoding      string            `json:"contentEncoding,omitempty"`
	Const                json.RawMessage   `json:"const,omitempty"`
	Enum                 []json.RawMessage `json:"enum,omitempty"`
	Minimum              json.Number       `json:"minimum,omitempty"`
	Maximum              json.Number       `json:"maximum,omitempty"`
	MinItems             int               `json:"minItems,omitempty"`
	MaxItems             *int              `json:"maxItems,omitempty"`
	Required             []string          `json:"required,omitempty"`
	Properties           properties        `json:"properties,omitempty"`
	AdditionalProperties *schema           `json:"additionalProperties,omitempty"`
	Items                *schema           `json:"items,omitempty"`
	AllOf                []*schema         `json:"allOf,omitempty"`
	AnyOf                []*schema         `json:"anyOf,omitempty"`
	OneOf                []*schema         `json:"oneOf,omitempty"`

	rest map[string]json.RawMessage // every other keyword
}

// plainSchema is a schema without its methods.
type plainSchema schema

// knownKeywords are the keywords of which a schema has fields. Those that come last are the ones that may have a form for which
// the field has the wrong type.
var knownKeywords = [...]string{
	"$ref", "title", "description", "type", "format", "contentEncoding", "const", "enum", "minimum", "maximum", "minItems",
	"maxItems", "required", "properties", "additionalProperties", "items", "allOf", "anyOf", "oneOf",
}

// A field of the name protoName would become the prototype of an object where a tool in JavaScript copies the document. So it is
// written as protoPattern, which allows the same. In properties it is the last.
const (
	protoName    = "__proto__"
	protoPattern = "^__proto__$"
)

func (s *schema) MarshalJSON() ([]byte, error) {
	plain, others := plainSchema(*s), s.rest
	if n := len(s.Properties) - 1; n >= 0 && s.Properties[n].name == protoName {
		plain.Properties = s.Properties[:n]
		pattern, err := json.Marshal(map[string]*schema{protoPattern: s.Properties[n].schema})
		if err != nil {
			return nil, err
		}
		others = maps.Clone(others)
		if others == nil {
			others = map[string]json.RawMessage{}
		}
		others["patternProperties"] = pattern
	}
	text, err := json.Marshal(plain)
	if err != nil || len(others) == 0 {
		return text, err
	}
	rest, err := json.Marshal(others)
	if err != nil || len(text) == len("{}") {
		return rest, err
	}
	return slices.Concat(text[:len(text)-1], []byte(","), rest[1:]), nil
}

// UnmarshalJSON keeps a known keyword whose value has another form than usual with the unknown ones, such as a list under
// "items".
func (s *schema) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "true":
		*s = schema{}
		return nil
	case "false":
		*s = schema{rest: map[string]json.RawMessage{"not": json.RawMessage("{}")}}
		return nil
	}
	*s = schema{}
	if err := json.Unmarshal(text, &s.rest); err != nil {
		return fmt.Errorf("a schema: %w", err)
	}
	for _, keyword := range knownKeywords {
		value, ok := s.rest[keyword]
		if !ok {
			continue
		}
		one, err := json.Marshal(map[string]json.RawMessage{keyword: value})
		if err != nil {
			return err
		}
		if err := json.Unmarshal(one, (*plainSchema)(s)); err != nil {
			if keyword == "properties" || keyword == "$ref" {
				return fmt.Errorf("%q of a schema: %w", keyword, err)
			}
			continue
		}
		delete(s.rest, keyword)
	}
	var patterns map[string]*schema
	if json.Unmarshal(s.rest["patternProperties"], &patterns) == nil && len(patterns) == 1 && patterns[protoPattern] != nil {
		s.Properties = append(s.Properties, property{protoName, patterns[protoPattern]})
		delete(s.rest, "patternProperties")
	}
	for _, list := range []*[]*schema{&s.AllOf, &s.AnyOf, &s.OneOf} {
		*list = slices.DeleteFunc(*list, func(one *schema) bool { return one == nil }) // a null is no schema
	}
	return nil
}

// isAny reports whether the schema allows everything.
func (s *schema) isAny() bool {
	return len(s.Type) == 0 && s.Ref == "" && s.Const == nil && s.Enum == nil && s.Properties == nil && s.AdditionalProperties == nil &&
		s.Items == nil && s.AllOf == nil && s.AnyOf == nil && s.OneOf == nil && len(s.Required) == 0 && s.rest["not"] == nil
}

// inner returns the schemas directly in s.
func (s *schema) inner() (inner []*schema) {
	for _, p := range s.Properties {
		inner = append(inner, p.schema)
	}
	inner = slices.Concat(inner, s.AllOf, s.AnyOf, s.OneOf)
	for _, one := range []*schema{s.AdditionalProperties, s.Items} {
		if one != nil {
			inner = append(inner, one)
		}
	}
	return inner
}

// walk calls fn for s and every schema in it.
func (s *schema) walk(fn func(*schema)) {
	fn(s)
	for _, inner := range s.inner() {
		inner.walk(fn)
	}
}

// withoutNull returns a schema that does not allow null, s itself if that is so already.
func (s *schema) withoutNull() *schema {
	switch {
	case len(s.AnyOf) == 2 && s.AnyOf[1].isNull() && !s.AnyOf[0].isNull():
		return s.AnyOf[0]
	case len(s.Type) > 1 && slices.Contains(s.Type, "null"):
		other := *s
		other.Type = slices.DeleteFunc(slices.Clone(s.Type), func(name string) bool { return name == "null" })
		return &other
	}
	return s
}

func (s *schema) isNull() bool { return len(s.Type) == 1 && s.Type[0] == "null" }

// property returns the property of that name, or nil.
func (s *schema) property(name string) *schema {
	for _, p := range s.Properties {
		if p.name == name {
			return p.schema
		}
	}
	return nil
}

// types are the types that a schema allows. One alone is no list in JSON.
type types []string

func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

func (t *types) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*t = make(types, 1)
		return json.Unmarshal(text, &(*t)[0])
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// properties are in the order of the document: that of the Go type.
type properties []property

type property struct {
	name   string
	schema *schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			text.WriteByte(',')
		}
		name, err := json.Marshal(one.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one.schema)
		if err != nil {
			return nil, err
		}
		text.Write(name)
		text.WriteByte(':')
		text.Write(value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

func (p *properties) UnmarshalJSON(text []byte) error {
	var schemas map[string]*schema
	if err := json.Unmarshal(text, &schemas); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	*p = make(properties, 0, len(schemas))
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
		key, _ := name.(string)
		s, first := schemas[key]
		if !first {
			continue // a name that is there twice
		}
		if s == nil {
			return fmt.Errorf("property %q is null", key)
		}
		delete(schemas, key)
		*p = append(*p, property{key, s})
	}
	return nil
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
