package contract

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	jsonschema "github.com/swaggest/jsonschema-go"

	"github.com/wsgate/wsgate/internal/inspect"
)

// direction is which way a value goes. A type may encode itself and not decode itself.
type direction int

const (
	in  direction = iota // from clients: what encoding/json decodes
	out                  // from the server: what encoding/json encodes
)

// use is a type in a direction.
type use struct {
	typ reflect.Type
	dir direction
}

// reflector makes schemas of types. Types with a name become components; until all are known, and so all names, a
// reference to one of them has a preliminary form.
type reflector struct {
	uses   []use       // which the number in a preliminary reference stands for
	number map[use]int // the other way round
	bodies []*schema   // of uses; shorter while some are not made yet
	enums  map[reflect.Type][]any
}

func newReflector() *reflector {
	return &reflector{number: map[use]int{}, enums: map[reflect.Type][]any{}}
}

const preliminary = "#/use/"

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	numberType   = reflect.TypeFor[json.Number]()
	virtualType  = reflect.TypeFor[jsonschema.Struct]()
	zeroer       = reflect.TypeFor[interface{ IsZero() bool }]()
)

// schema returns the schema of the JSON of a type, as encoding/json has it. It is the only function that calls the library.
func (r *reflector) schema(t reflect.Type, dir direction) (s *schema, err error) {
	if t.Kind() == reflect.Interface {
		return &schema{}, nil
	}
	return r.reflect(reflect.Zero(t).Interface(), dir)
}

// finish makes the schemas of all components that were referred to, and of those that these refer to.
func (r *reflector) finish() error {
	for len(r.bodies) < len(r.uses) {
		u := r.uses[len(r.bodies)]
		body, err := r.body(u)
		if err != nil {
			return fmt.Errorf("the schema of %s: %w", u.typ, err)
		}
		r.bodies = append(r.bodies, body)
	}
	return nil
}

// reflect has the library walk over a value, with what encoding/json does otherwise corrected.
func (r *reflector) reflect(v any, dir direction, options ...func(*jsonschema.ReflectContext)) (s *schema, err error) {
	var library jsonschema.Reflector
	options = append(
		options, jsonschema.InlineRefs, jsonschema.ProcessWithoutTags, jsonschema.SkipEmbeddedMapsSlices,
		func(c *jsonschema.ReflectContext) { c.SkipNonConstraints = true },
		jsonschema.InterceptSchema(func(p jsonschema.InterceptSchemaParams) (bool, error) {
			if p.Processed {
				return false, r.correct(p)
			}
			return r.decide(p, dir)
		}))
	made, err := library.Reflect(v, options...)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	s = new(schema)
	return s, json.Unmarshal(text, s)
}

// decide makes the schema of a type, unless it is one that the library knows how to.
func (r *reflector) decide(p jsonschema.InterceptSchemaParams, dir direction) (done bool, err error) {
	t, pointer := p.Value.Type(), false
	for t.Kind() == reflect.Pointer {
		t, pointer = t.Elem(), true
	}
	if t == virtualType {
		return false, nil
	}
	s := p.Schema
	if len(s.Enum) > 0 {
		r.enums[t] = s.Enum
	}
	methods := methodsOf(t, dir)
	switch k := t.Kind(); {
	case r.enums[t] != nil && t.Name() != "":
		return true, r.refer(s, use{t, dir}, pointer)
	case t == timeType:
		*s = scalar(jsonschema.String, pointer)
		s.WithFormat("date-time")
		return true, nil
	case t == numberType:
		*s = scalar(jsonschema.Number, pointer)
		return true, nil
	case methods == inspect.Own, methods == inspect.OnlyPointer, k == reflect.Interface:
		*s = jsonschema.Schema{}
		return true, nil
	case methods == inspect.Text:
		*s = scalar(jsonschema.String, pointer)
		return true, nil
	case isBytes(t, dir):
		*s = scalar(jsonschema.String, true)
		s.WithContentEncoding("base64")
		return true, nil
	case k == reflect.Struct, t.Name() != "" && (k == reflect.Slice || k == reflect.Array || k == reflect.Map):
		return true, r.refer(s, use{t, dir}, pointer || k == reflect.Slice || k == reflect.Map)
	case k == reflect.Slice, k == reflect.Array, k == reflect.Map:
		return false, nil
	}
	*s = basic(t, pointer)
	return true, nil
}

// correct adds what the library leaves out of a list or map: that it can be null, and the length of an array.
func (r *reflector) correct(p jsonschema.InterceptSchemaParams) error {
	t := p.Value.Type()
	pointer := t.Kind() == reflect.Pointer
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		p.Schema.AddType(jsonschema.Null)
	case reflect.Array:
		if t.Len() > 0 {
			p.Schema.WithMinItems(int64(t.Len()))
		}
		p.Schema.WithMaxItems(int64(t.Len()))
		if pointer {
			p.Schema.AddType(jsonschema.Null)
		}
	}
	return nil
}

// refer makes s a reference to a component.
func (r *reflector) refer(s *jsonschema.Schema, u use, nullable bool) error {
	n, known := r.number[u]
	if !known {
		n = len(r.uses)
		r.uses, r.number[u] = append(r.uses, u), n
	}
	ref := preliminary + strconv.Itoa(n)
	*s = jsonschema.Schema{Ref: &ref}
	if nullable {
		*s = jsonschema.Schema{AnyOf: []jsonschema.SchemaOrBool{s.ToSchemaOrBool(), jsonschema.Null.ToSchemaOrBool()}}
		s.AnyOf[0].TypeObject = &jsonschema.Schema{Ref: &ref}
	}
	return nil
}

// body returns the schema of a component.
func (r *reflector) body(u use) (s *schema, err error) {
	defer func() {
		if p := recover(); p != nil { // in a method of a user's type
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	t := u.typ
	switch {
	case r.enums[t] != nil:
		return r.enum(u)
	case t.Kind() == reflect.Struct:
		return r.object(u)
	}
	var plain reflect.Type // without the name, which would be a reference again
	switch t.Kind() {
	case reflect.Slice:
		plain = reflect.SliceOf(t.Elem())
	case reflect.Array:
		plain = reflect.ArrayOf(t.Len(), t.Elem())
	default:
		plain = reflect.MapOf(t.Key(), t.Elem())
	}
	if s, err = r.reflect(reflect.Zero(plain).Interface(), u.dir); err == nil {
		s.Type = slices.DeleteFunc(s.Type, func(name string) bool { return name == "null" }) // references say that
	}
	return s, err
}

// enum returns the schema of a type that lists its values.
func (r *reflector) enum(u use) (*schema, error) {
	s := new(schema)
	seen := map[string]bool{}
	for _, value := range r.enums[u.typ] {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("its Enum: %w", err)
		}
		if seen[string(text)] {
			continue
		}
		seen[string(text)] = true
		s.Enum = append(s.Enum, text)
		if kind := kindOf(text); !slices.Contains(s.Type, kind) {
			s.Type = append(s.Type, kind)
		}
	}
	return s, nil
}

// object returns the schema of a struct: its fields as encoding/json has them, each with what the library says of its type
// and tag.
func (r *reflector) object(u use) (*schema, error) {
	fields := inspect.Fields(u.typ)
	byName := map[string]*inspect.Field{}
	virtual := jsonschema.Struct{DefName: "struct"}
	for i := range fields {
		f := &fields[i]
		byName[f.Name] = f
		value := reflect.Zero(f.Type).Interface()
		if f.Type.Kind() == reflect.Interface {
			value = json.RawMessage(nil)
		}
		virtual.Fields = append(virtual.Fields, jsonschema.Field{Name: f.Name, Value: value, Tag: libraryTag(f)})
	}
	s, err := r.reflect(virtual, u.dir, jsonschema.InterceptProp(func(p jsonschema.InterceptPropParams) error {
		if p.Processed {
			correctProperty(p.PropertySchema, byName[p.Name], u.dir)
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	ordered := make(properties, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		ordered = append(ordered, property{f.Name, s.property(f.Name)})
		if !f.OmitEmpty && !f.OmitZero && !f.Embedded {
			s.Required = append(s.Required, f.Name)
		}
	}
	slices.SortStableFunc(ordered, func(a, b property) int { return boolInt(a.name == protoName) - boolInt(b.name == protoName) })
	s.Properties = ordered
	s.Description = describe(u.typ)
	return s, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// describe returns the description of a struct: from its method Description, or from the tag of a field _.
func describe(t reflect.Type) string {
	if d, ok := reflect.New(t).Interface().(jsonschema.Described); ok {
		return d.Description()
	}
	if f, ok := t.FieldByName("_"); ok {
		return f.Tag.Get("description")
	}
	return ""
}

// libraryTags are the tags of a field that the schema heeds. The library has others, which other packages use as well, and
// some that would contradict encoding/json.
var libraryTags = [...]string{
	"title", "description", "format", "pattern", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "deprecated",
}

// libraryTag returns a field's tag for the library. The comma makes it take a name "-" for one.
func libraryTag(f *inspect.Field) reflect.StructTag {
	tag := "json:" + strconv.Quote(f.Name+",")
	for _, key := range libraryTags {
		if value, ok := f.Tag.Lookup(key); ok {
			tag += " " + key + ":" + strconv.Quote(value)
		}
	}
	return reflect.StructTag(tag)
}

// correctProperty makes the schema of a field that of its JSON in a struct.
func correctProperty(s *jsonschema.Schema, f *inspect.Field, dir direction) {
	s.ReflectType = nil
	nullable := canBeNull(f.Type, dir)
	if nullable && omitsNull(f, dir) {
		nullable = false
	}
	if f.Quoted && methodsOf(indirect(f.Type), dir) == inspect.None {
		s.Type, s.Format, s.Minimum, s.Maximum, s.Ref, s.AnyOf = nil, nil, nil, nil, nil, nil
		s.Enum, s.ExtraProperties = nil, nil
		s.AddType(jsonschema.String)
		s.WithPattern(quotedPattern(indirect(f.Type)))
	}
	if len(s.AnyOf) == 2 && s.AnyOf[0].TypeObject != nil && s.AnyOf[0].TypeObject.Ref != nil { // made by refer
		s.Ref, s.AnyOf = s.AnyOf[0].TypeObject.Ref, nil
	}
	s.RemoveType(jsonschema.Null)
	switch ref := s.Ref; {
	case ref != nil && nullable:
		s.Ref, s.AnyOf = nil, []jsonschema.SchemaOrBool{(&jsonschema.Schema{Ref: ref}).ToSchemaOrBool(), jsonschema.Null.ToSchemaOrBool()}
	case ref != nil && !isOnlyRef(*s):
		s.Ref, s.AllOf = nil, []jsonschema.SchemaOrBool{(&jsonschema.Schema{Ref: ref}).ToSchemaOrBool()}
	case nullable && s.Type == nil && !isOnlyRef(jsonschema.Schema{OneOf: s.OneOf, AnyOf: s.AnyOf, AllOf: s.AllOf, Enum: s.Enum, Const: s.Const}):
		own := *s // a schema of the type's own
		*s = jsonschema.Schema{AnyOf: []jsonschema.SchemaOrBool{own.ToSchemaOrBool(), jsonschema.Null.ToSchemaOrBool()}}
	case nullable && s.Type != nil:
		s.AddType(jsonschema.Null)
		if len(s.Enum) > 0 {
			s.Enum = append(slices.Clip(s.Enum), nil)
		}
	}
}

// isOnlyRef reports whether there is nothing beside a reference, where it would be ignored.
func isOnlyRef(s jsonschema.Schema) bool {
	s.Ref = nil
	text, err := json.Marshal(s)
	return err == nil && string(text) == "{}"
}
