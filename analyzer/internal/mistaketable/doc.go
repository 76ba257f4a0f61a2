// Package mistaketable makes docs/mistakes.md: what can be done wrong with package wsgate, who finds it, and what is said.
// Its test makes every mistake in a package of its own, and asks the compiler, the analyzer, wsgate.New and wstest.
package mistaketable
