package wsgate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wrapper"
)

const wrapped wsgate.Event[int] = "wrapped"

// bind is a wrapper, as a program has one to bind all of its handlers.
func bind[T any](e wsgate.Event[T], fn func(context.Context, *guestConn, T) error) wsgate.Binding[guest] {
	return wsgate.On(e, fn) // in bind
}

func bindTwice[T any](e wsgate.Event[T], fn func(context.Context, *guestConn, T) error) wsgate.Binding[guest] {
	return bind(e, fn) // in bindTwice
}

func handleInt(context.Context, *guestConn, int) error { return nil }

var (
	packageEntry   = bind(wrapped, handleInt)                                                // package-level entry
	packageLiteral = func() wsgate.Binding[guest] { return wsgate.On(wrapped, handleInt) }() // package-level literal
)

// entries is a gateway whose table calls a function.
type entries struct{ table func() wsgate.Events[guest] }

func (g *entries) Events() wsgate.Events[guest] {
	return g.table() // in Events
}

// wrappingTable is a gateway that binds by wrappers in its Events.
type wrappingTable struct{ twice bool }

func (g *wrappingTable) Events() wsgate.Events[guest] {
	own := func(e wsgate.Event[int]) wsgate.Binding[guest] { return wsgate.On(e, handleInt) } // own wrapper
	if g.twice {
		return wsgate.Events[guest]{
			bindTwice(wrapped, handleInt), // twice wrapped
			own(wrapped),                  // own entry
		}
	}
	return wsgate.Events[guest]{
		bind(wrapped, handleInt),                      // first wrapped
		wrapper.Bind[guest](wrapped, handleInt),       // wrapped elsewhere
		wrapper.BindMethod[guest](wrapped, handleInt), // wrapped by a method
	}
}

// generic is a gateway with type parameters.
type genericTable[T any] struct{}

func (g *genericTable[T]) Events() wsgate.Events[guest] {
	return wsgate.Events[guest]{
		bind(wrapped, handleInt), // first of generic
		bind(wrapped, handleInt), // second of generic
	}
}

// A mistake in a table names the line of its entry, also of one that is made by the program's own functions.
func TestEntriesBehindWrappers(t *testing.T) {
	text := refused(t, gatewayAt("/", func() *wrappingTable { return &wrappingTable{} }), nil)
	checkText(t, text,
		"the same name at "+at("first wrapped")+" through "+at("in bind"),
		"("+at("wrapped elsewhere")+" through "+wrapperLine("in Bind")+")",
		"("+at("wrapped by a method")+" through "+wrapperLine("in BindMethod")+" through "+wrapperLine("in bind")+")",
	)
	text = refused(t, gatewayAt("/", func() *wrappingTable { return &wrappingTable{twice: true} }), nil)
	checkText(t, text,
		"the same name at "+at("twice wrapped")+" through "+at("in bindTwice")+" through "+at("in bind"),
		"("+at("own entry")+" through "+at("own wrapper")+")",
	)
	text = refused(t, gatewayAt("/", func() *genericTable[string] { return &genericTable[string]{} }), nil)
	checkText(t, text, "("+at("second of generic")+" through "+at("in bind")+")", "at "+at("first of generic")+" through")
}

func TestEntriesOfTablesMadeElsewhere(t *testing.T) {
	helper := func() wsgate.Events[guest] {
		return wsgate.Events[guest]{
			wsgate.On(wrapped, handleInt), // helper's first
			wsgate.On(wrapped, handleInt), // helper's second
		}
	}
	text := refused(t, gatewayAt("/", func() *entries { return &entries{helper} }), nil)
	checkText(t, text, "("+at("in Events")+" through "+at("helper's second")+")", at("helper's first"))

	text = refused(t, gatewayAt("/", speaking(packageEntry, packageLiteral)), nil)
	checkText(t, text, "at "+at("package-level entry")+" through "+at("in bind"), "("+at("package-level literal"))

	construct := func() *table {
		return &table{wsgate.Events[guest]{packageEntry, bind(wrapped, handleInt)}} // in a constructor
	}
	text = refused(t, gatewayAt("/", construct), nil)
	checkText(t, text, "("+at("in a constructor")+" through "+at("in bind")+")")
}

// However deep the program's functions are, a few lines are enough.
func TestEntriesBehindManyFunctions(t *testing.T) {
	var deep func(n int) wsgate.Binding[guest]
	deep = func(n int) wsgate.Binding[guest] {
		if n == 0 {
			return wsgate.On(wrapped, handleInt) // at the bottom
		}
		return deep(n - 1) // on the way
	}
	bottom := func() wsgate.Events[guest] { return wsgate.Events[guest]{deep(100), deep(100)} }
	text := refused(t, gatewayAt("/", func() *entries { return &entries{bottom} }), nil)
	way := at("on the way") + " through "
	checkText(t, text, "("+way+way+way+at("at the bottom")+")")
}

// wrapperLine returns the file:line in the other package of the line that ends with the comment.
func wrapperLine(comment string) string {
	file := filepath.Join("internal", "test", "wrapper", "wrapper.go")
	source, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	for i, line := range strings.Split(string(source), "\n") {
		if strings.HasSuffix(line, "// "+comment) {
			return fmt.Sprintf("%s:%d", file, i+1)
		}
	}
	panic("no " + comment)
}
