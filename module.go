package wsgate

import "github.com/wsgate/wsgate/internal/wiring"

// Module is a part of an App: services, gateways, and the modules they need. It is plain data, so it can be declared
// as a package variable, imported by others, and examined in tests. A module that is imported more than once is built
// once.
//
// A constructor is a function whose parameters are services. Its results are one or more services and optionally an
// error. Every constructor is called once, when New builds the App, after the constructors whose results it needs.
// dig.In and dig.Out structs follow the rules of [go.uber.org/dig]. In addition to what modules provide, every
// constructor can ask for a [*Hub], a [*Lifecycle] and a *slog.Logger. A gateway is not a service, unless its route
// takes a service as its gateway, as in
//
//	Provide:  []any{NewBoard},
//	Gateways: []wsgate.Route{{Path: "/board", New: func(g *Board) *Board { return g }}},
type Module struct {
	Name     string    // for error messages
	Imports  []*Module // modules whose services this one needs, or that belong to it
	Provide  []any     // constructors of services that the whole App may use
	Private  []any     // constructors of services that only this module may use
	Gateways []Route
}

// group returns the module's constructors for the wiring.
func (m *Module) group() *wiring.Group {
	return &wiring.Group{Name: m.Name, Label: m.label(), Here: m.here(), Private: m.Private, Provide: m.Provide}
}

// here names the module in advice.
func (m *Module) here() string {
	if m.Name == "" {
		return "this module or of one it imports"
	}
	return "module " + m.Name + " or of a module it imports"
}

// label names the module in messages.
func (m *Module) label() string {
	if m.Name == "" {
		return "a module without a name"
	}
	return "module " + m.Name
}
