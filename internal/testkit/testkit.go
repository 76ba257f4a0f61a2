// Package testkit gives wstest access to unexported features of package wsgate.
package testkit

// Build is wsgate.New with services swapped: root is a *wsgate.Module, options are *wsgate.Options, and the result is a
// *wsgate.App. Package wsgate sets it.
var Build func(root, options any, swaps []Swap) (app any, err error)

// Swap replaces a service that the modules provide.
type Swap struct {
	Decorator any    // func() T
	Pos       string // file:line of the caller
}
