// Package analyzer finds mistakes in the use of package wsgate that the compiler cannot see and that reflection finds
// at start-up, or not at all. It is made for go vet:
//
//	go get -tool github.com/wsgate/wsgate/analyzer/cmd/wsgatevet
//	go vet -vettool=$(go tool -n wsgatevet) ./...
//
// The command also runs on its own, as go tool wsgatevet ./..., and takes the same flags: -wsgateemit=false leaves a
// check out, -wsgatehooks runs that one alone, -fix applies the fixes. [All] is for other drivers of
// [golang.org/x/tools/go/analysis]. Test files are looked at as well, unless the command runs on its own with
// -test=false, and so is generated code. Packages that do not import wsgate themselves are not.
//
// # Gateway types
//
// A gateway is a plain type, so one has to be told from a type whose OnMessage has nothing to do with this library. A
// type that a package declares at its top, not an interface, is surely a gateway type if any of this holds:
//
//   - it has a hook that is right and names its D: an OnOpen, OnMessage, OnClose or Events with the signature that the
//     library wants for some D. A hook that is promoted from an embedded struct counts, as it does for the library.
//     OnUpgrade does not, since nothing in its signature is the library's;
//   - the same package passes its constructor as wsgate.Route.New or to wsgate.Registry.Register;
//   - the same package asserts that it is a wsgate.Upgrader or its like, as in
//     var _ wsgate.Upgrader[Member] = (*Chat)(nil).
//
// All methods of such a type are looked at. Any other type is looked at one method at a time: a method counts only if
// its own signature has a *wsgate.Conn[D], a Conn[D], a Binding[D] or an Events[D], and if nothing in the package refers
// to it. A method that somebody calls is a helper with an unlucky name, not a hook that never runs.
//
// The same holds for a name that is nearly a hook's: whatever the type is, a method that something refers to is not
// reported, except under a name that wsgate.New refuses, as OnConnect. What only a test refers to counts as unused.
//
// # Other limits
//
// The payload of an event can fail to encode when encoding/json has to be asked at run time. [Emit] says what counts;
// floating point numbers, cyclic pointers and a time.Time beyond the year 9999 do not. Neither do the keys of a map
// that clash with its envelope's, which are a matter of options.
//
// [Events] looks at constants, and not at conversions as in wsgate.Event[T](name).Emit(room, v).
//
// Which path Hub.At takes is a matter of all packages together; the log of the program names the line of one that no
// route has.
//
// [Data] follows neither variables nor calls: it sees what stands inside a function literal.
package analyzer

import "golang.org/x/tools/go/analysis"

// All returns every analyzer of this package.
func All() []*analysis.Analyzer { return []*analysis.Analyzer{Hooks, Events, Emit, Data} }
