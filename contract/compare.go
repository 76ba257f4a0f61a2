package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// comparison compares two schemas of one payload: whether what one side makes is what the other side expects. What goes to the
// server is made by old clients, and expected by the new server; what comes from it the other way round.
type comparison struct {
	*differ
	dir  direction
	seen map[[2]*schema]bool // types may contain themselves
}

// compare reports the changes of what is at a place in the payload.
func (c *comparison) compare(what string, old, now *schema) {
	nullBefore, nullNow := old.withoutNull() != old || old.accepts("null"), now.withoutNull() != now || now.accepts("null")
	old, now = c.old.resolve(old.withoutNull()), c.new.resolve(now.withoutNull())
	old, now = c.old.single(old), c.new.single(now)
	if c.seen[[2]*schema{old, now}] {
		return
	}
	c.seen[[2]*schema{old, now}] = true
	switch {
	case old.isAny() && now.isAny():
		return
	case old.isAny() && c.dir == in:
		c.breaks("%s could be anything, is %s now", what, now.kind())
		return
	case old.isAny():
		c.harmless("%s could be anything, is %s now", what, now.kind())
		return
	case now.isAny() && c.dir == in:
		c.harmless("%s may be anything now, was %s", what, old.kind())
		return
	case now.isAny():
		c.breaks("%s may be anything now, was %s", what, old.kind())
		return
	}
	if nullBefore != nullNow {
		c.null(what, nullNow)
	}
	if old.kind() != now.kind() && !(c.made(old, now).kind() == "integer" && c.expected(old, now).kind() == "number") {
		c.breaks("%s was %s, is %s", what, old.kind(), now.kind())
		return
	}
	c.values(what, old, now)
	c.format(what, old, now)
	c.keywords(what, old, now)
	c.fields(what, old, now)
	c.elements(what, old, now)
}

// made returns the schema of who makes the value.
func (c *comparison) made(old, now *schema) *schema {
	if c.dir == in {
		return old
	}
	return now
}

// expected returns the schema of who gets the value.
func (c *comparison) expected(old, now *schema) *schema {
	if c.dir == in {
		return now
	}
	return old
}

// null reports that a value may be null now, or may not any more. A server takes a null in a payload for one that is left out.
func (c *comparison) null(what string, now bool) {
	switch {
	case c.dir == out && now:
		c.breaks("%s may be null now", what)
	case c.dir == in && !now && strings.HasPrefix(what, "its "):
		c.breaks("%s may not be null any more", what)
	case now:
		c.harmless("%s may be null now", what)
	default:
		c.harmless("%s is never null now", what)
	}
}

// values compares lists of allowed values.
func (c *comparison) values(what string, old, now *schema) {
	before, after := old.allowed(), now.allowed()
	gone, added := missing(before, after), missing(after, before)
	switch {
	case before == nil && after == nil:
	case before == nil && c.dir == in, after == nil && c.dir == out:
		c.breaks("%s %s", what, map[bool]string{true: "has to be one of a list now", false: "may be another than those of a list now"}[before == nil])
	case before == nil || after == nil:
		c.harmless("%s %s", what, map[bool]string{true: "is one of a list now", false: "may be another than those of a list now"}[before == nil])
	default:
		if len(gone) > 0 {
			c.change(c.dir == in, "%s cannot be %s any more", what, strings.Join(gone, ", "))
		}
		if len(added) > 0 {
			c.change(c.dir == out, "%s can be %s now", what, strings.Join(added, ", "))
		}
	}
}

func (c *comparison) change(breaking bool, format string, args ...any) {
	if breaking {
		c.breaks(format, args...)
	} else {
		c.harmless(format, args...)
	}
}

// allowed returns the values that a schema lists, nil if it lists none.
func (s *schema) allowed() []string {
	list := s.Enum
	if s.Const != nil {
		list = []json.RawMessage{s.Const}
	}
	var values []string
	for _, value := range list {
		var text bytes.Buffer
		if json.Compact(&text, value) == nil && text.String() != "null" {
			values = append(values, text.String())
		}
	}
	return values
}

// missing returns what is in all and not in others.
func missing(all, others []string) (values []string) {
	for _, value := range all {
		if !slices.Contains(others, value) {
			values = append(values, value)
		}
	}
	return values
}

// format compares what a text is in, and the range of a number.
func (c *comparison) format(what string, old, now *schema) {
	if before, after := old.text(), now.text(); before != after {
		// Every text of a format is a text as well.
		c.change(c.expected(old, now).text() != "", "%s was %s, is %s", what, describeText(before), describeText(after))
	}
	if !slices.Contains(old.Type, "integer") || !slices.Contains(now.Type, "integer") {
		return
	}
	least, most := c.made(old, now).bounds()
	from, to := c.expected(old, now).bounds()
	wider := from != nil && (least == nil || least.Cmp(from) < 0) || to != nil && (most == nil || most.Cmp(to) > 0)
	oldLeast, oldMost := old.bounds()
	newLeast, newMost := now.bounds()
	before, after := describeRange(oldLeast, oldMost), describeRange(newLeast, newMost)
	if before != after {
		c.change(wider, "%s was %s, is %s", what, before, after)
	}
}

// text returns the format of a text, "" for any.
func (s *schema) text() string {
	if !slices.Contains(s.Type, "string") {
		return ""
	}
	if s.ContentEncoding != "" {
		return s.ContentEncoding
	}
	return s.Format
}

func describeText(format string) string {
	if format == "" {
		return "any text"
	}
	return "a text of format " + format
}

// bounds returns the range of an integer, nil where it has no end.
func (s *schema) bounds() (least, most *big.Float) {
	bits := map[string]uint{"int32": 32, "int64": 64}[s.Format]
	if bits > 0 {
		limit := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), bits-1))
		least, most = new(big.Float).Neg(limit), limit.Sub(limit, big.NewFloat(1))
	}
	if f, ok := new(big.Float).SetString(s.Minimum.String()); ok {
		least = f
	}
	if f, ok := new(big.Float).SetString(s.Maximum.String()); ok {
		most = f
	}
	return least, most
}

func describeRange(least, most *big.Float) string {
	end := func(f *big.Float) string {
		if f == nil {
			return "…"
		}
		return f.Text('f', -1)
	}
	return "an integer from " + end(least) + " to " + end(most)
}

// comparedKeywords are those of the other keywords that say which values are allowed, each with the sign of what allows less: -1 for
// a smaller number, 1 for a larger one, 0 for any other value.
var comparedKeywords = map[string]int{
	"maxLength": -1, "minLength": 1, "maxProperties": -1, "minProperties": 1, "exclusiveMaximum": -1, "exclusiveMinimum": 1,
	"multipleOf": 0, "pattern": 0, "uniqueItems": 0, "not": 0, "if": 0, "then": 0, "else": 0, "contains": 0, "items": 0,
	"propertyNames": 0, "patternProperties": 0, "dependencies": 0,
}

// keywords compares what else is required of a value. Clients know the old document, and the new server may be stricter.
func (c *comparison) keywords(what string, old, now *schema) {
	made, expected := c.made(old, now), c.expected(old, now)
	for _, name := range sortedKeys(comparedKeywords) {
		before, after := old.rest[name], now.rest[name]
		if bytes.Equal(before, after) {
			continue
		}
		is, want, less := made.rest[name], expected.rest[name], comparedKeywords[name]
		a, okA := new(big.Float).SetString(string(is))
		b, okB := new(big.Float).SetString(string(want))
		allowed := want == nil || less != 0 && okA && okB && a.Cmp(b) == less
		c.change(!allowed, "%s: %s was %s, is %s", what, name, orNone(before), orNone(after))
	}
	before, after := combined(old), combined(now)
	if before != after {
		c.breaks("%s is another combination of schemas", what)
	}
}

// combined returns the schemas that are combined in s, as text.
func combined(s *schema) string {
	text, _ := json.Marshal([][]*schema{s.AllOf, s.AnyOf, s.OneOf}) // all of it was parsed
	return string(text)
}

func orNone(text []byte) string {
	if text == nil {
		return "not there"
	}
	return string(text)
}

// fields compares the fields of objects.
func (c *comparison) fields(what string, old, now *schema) {
	for _, p := range old.Properties {
		path := fieldPath(what, p.name)
		after := now.property(p.name)
		wasRequired, isRequired := slices.Contains(old.Required, p.name), slices.Contains(now.Required, p.name)
		switch {
		case after == nil && c.dir == in:
			c.harmless("field %s is ignored now", path)
			continue
		case after == nil:
			c.change(wasRequired, "field %s is gone", path)
			continue
		case wasRequired && !isRequired:
			c.change(c.dir == out, "field %s may be left out now", path)
		case !wasRequired && isRequired:
			c.change(c.dir == in, "field %s is required now; with omitempty clients may leave it out", path)
		}
		c.compare(path, p.schema, after)
	}
	for _, p := range now.Properties {
		if old.property(p.name) != nil {
			continue
		}
		path := fieldPath(what, p.name)
		if c.dir == in && slices.Contains(now.Required, p.name) {
			c.breaks("field %s is new and required; with omitempty clients may leave it out", path)
		} else {
			c.harmless("field %s is new", path)
		}
	}
}

// elements compares what is in lists and maps.
func (c *comparison) elements(what string, old, now *schema) {
	if old.kind() == "array" {
		if old.Items != nil && now.Items != nil {
			c.compare(fieldPath(what, "[]"), old.Items, now.Items)
		}
		most := func(s *schema) string {
			if s.MaxItems == nil {
				return "any number"
			}
			return fmt.Sprintf("%d to %d", s.MinItems, *s.MaxItems)
		}
		if most(old) != most(now) {
			c.breaks("%s had %s elements, has %s", what, most(old), most(now))
		}
	}
	if old.kind() != "object" {
		return
	}
	if a, b := old.AdditionalProperties != nil, now.AdditionalProperties != nil; a != b {
		c.breaks("%s %s", what, map[bool]string{true: "has any keys now, had fields", false: "has fields now, had any keys"}[b])
	} else if a {
		c.compare(fieldPath(what, "*"), old.values(), now.values())
	}
}

// single returns the one schema that s consists of, or s.
func (d *document) single(s *schema) *schema {
	for range len(d.Components.Schemas) + 1 { // more would be a circle
		if len(s.AllOf) != 1 || len(s.Type) > 0 || s.Properties != nil {
			break
		}
		s = d.resolve(s.AllOf[0])
	}
	return s
}

// accepts reports whether a value of that type is allowed.
func (s *schema) accepts(kind string) bool { return s.isAny() || slices.Contains(s.Type, kind) }

// kind returns the type of values that are not null, in words.
func (s *schema) kind() string {
	kinds := missing(s.Type, []string{"null"})
	if len(kinds) == 0 {
		switch {
		case s.Properties != nil || s.AdditionalProperties != nil:
			return "object"
		case s.Items != nil:
			return "array"
		}
		return "anything"
	}
	return strings.Join(kinds, " or ")
}
