// Package mistaketable makes docs/mistakes.md: what can be done wrong with package wsgate, who finds it, and what is said.
// Its test makes every mistake in a package of its own, and asks the compiler, the analyzer, wsgate.New and wstest. It
// then follows every advice that they give, and asks them again: now nobody may find anything. No text of a Fix in the
// source may be without that.
package mistaketable
