package contract

import (
	"cmp"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// names gives each name once.
type names map[string]bool

// take returns the name, with a number if it is taken.
func (n names) take(name string) string {
	free := name
	for i := 2; n[free]; i++ {
		free = name + strconv.Itoa(i)
	}
	n[free] = true
	return free
}

// taken are names of TypeScript's own that generated code uses.
func taken() names { return names{"Omit": true, "Record": true} }

// identifier returns text as the name of a type in any language: a capital letter first, then letters and digits of ASCII
// and underscores. What is between them only divides words.
func identifier(text string) string {
	var name strings.Builder
	upper := true
	for _, r := range text {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'):
			if name.Len() == 0 && unicode.IsDigit(r) {
				name.WriteByte('N')
			}
			if upper {
				r = unicode.ToUpper(r)
			}
			name.WriteRune(r)
			upper = false
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if name.Len() == 0 {
				name.WriteByte('U')
			}
			name.WriteString(strconv.FormatInt(int64(r), 16))
			upper = false
		default:
			upper = true
		}
	}
	return name.String()
}

// keyFor returns text as part of a key that every tool can refer to, without characters that have to be escaped in a
// reference. It keeps what most names have.
func keyFor(text string) string {
	var key strings.Builder
	for _, r := range text {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)) {
			key.WriteRune(r)
		} else {
			key.WriteString("_" + strconv.FormatInt(int64(r), 16))
		}
	}
	return key.String()
}

// typeNames returns a name for each type. Types of one name get their packages in front, and if that is not enough, those
// of their type arguments inside, and then a number. all are in the order of their first use.
func typeNames(all []reflect.Type, used names) map[reflect.Type]string {
	level := map[reflect.Type]int{}
	for range 2 {
		byName := map[string][]reflect.Type{}
		for _, t := range all {
			name := typeName(t, level[t])
			byName[name] = append(byName[name], t)
		}
		for name, same := range byName {
			if len(same) > 1 || used[name] {
				for _, t := range same {
					level[t] = min(level[t]+1, 2)
				}
			}
		}
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b reflect.Type) int { return cmp.Compare(a.PkgPath(), b.PkgPath()) })
	result := map[reflect.Type]string{}
	for _, t := range sorted {
		result[t] = used.take(typeName(t, level[t]))
	}
	return result
}

// token is a name in the name of a type: with the path of its package for a type argument.
var token = regexp.MustCompile(`\[\]|[^\[\],*{} ;"]+`)

// typeName returns the name of a type, on level 1 with its package, on level 2 also with those of its type arguments.
func typeName(t reflect.Type, level int) string {
	name, arguments, _ := strings.Cut(t.Name(), "[")
	var text strings.Builder
	if level >= 1 {
		pkg, _, _ := strings.Cut(t.String(), ".")
		text.WriteString(identifier(pkg))
	}
	if name == "" {
		name = "Anonymous"
	}
	text.WriteString(identifier(name))
	for _, argument := range token.FindAllString(strings.TrimSuffix(arguments, "]"), -1) {
		argument, _, _ = strings.Cut(argument, "·") // a type in a function has a number
		argument = argument[strings.LastIndexByte(argument, '/')+1:]
		pkg, last := "", argument
		if i := strings.LastIndexByte(argument, '.'); i >= 0 {
			pkg, last = argument[:i], argument[i+1:]
		}
		if level >= 2 {
			text.WriteString(identifier(pkg))
		}
		if last == "[]" {
			last = "List"
		}
		text.WriteString(identifier(last))
	}
	return text.String()
}

// names returns the name of each component, "" for one without. Where the two directions of a type differ, that from clients
// is called Input. used are the names that are taken.
func (r *reflector) names(used names) []string {
	differ := r.differing()
	var all []reflect.Type
	known := map[reflect.Type]bool{}
	for _, u := range r.uses {
		if u.typ.Name() != "" && !known[u.typ] {
			known[u.typ] = true
			all = append(all, u.typ)
		}
	}
	byType := typeNames(all, used)
	result := make([]string, len(r.uses))
	inputs := map[reflect.Type]string{}
	for i, u := range r.uses {
		result[i] = byType[u.typ]
		if u.dir == in && differ[u.typ] && result[i] != "" {
			inputs[u.typ] = used.take(byType[u.typ] + "Input")
			result[i] = inputs[u.typ]
		}
	}
	return result
}

// differing returns the types whose schemas differ between the directions, by themselves or by what they refer to.
func (r *reflector) differing() map[reflect.Type]bool {
	differ := map[reflect.Type]bool{}
	for {
		before := len(differ)
		for i, u := range r.uses {
			other, both := r.number[use{u.typ, out}]
			if u.dir == in && both && !differ[u.typ] && r.canonical(i, differ) != r.canonical(other, differ) {
				differ[u.typ] = true
			}
		}
		if len(differ) == before {
			return differ
		}
	}
}

// canonical returns a component as text in which references to what does not differ are alike in both directions.
func (r *reflector) canonical(i int, differ map[reflect.Type]bool) string {
	text, _ := json.Marshal(r.bodies[i])
	return preliminaryRef.ReplaceAllStringFunc(string(text), func(ref string) string {
		number, _ := strconv.Atoi(ref[len(preliminary):])
		u := r.uses[number]
		if other, ok := r.number[use{u.typ, out}]; ok && !differ[u.typ] {
			number = other
		}
		return preliminary + strconv.Itoa(number)
	})
}

var preliminaryRef = regexp.MustCompile(preliminary + `\d+`)
