// Package model has types that marshal themselves, for another package.
package model

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

type Role int

func (r Role) MarshalText() ([]byte, error) { return []byte(strconv.Itoa(int(r))), nil } // want MarshalText:"never fails"

type Checked int

func (c Checked) MarshalText() ([]byte, error) {
	if c < 0 {
		return nil, errors.New("negative")
	}
	return nil, nil
}

// Delegating marshals something that cannot fail, and inside a literal something that can.
type Delegating struct{ name string }

func (d Delegating) MarshalJSON() ([]byte, error) { // want MarshalJSON:"never fails"
	_ = func() (any, error) { return nil, errors.New("unused") }
	return json.Marshal(struct{ Name string }{d.name})
}

type DelegatingAny struct{ v any }

func (d DelegatingAny) MarshalJSON() ([]byte, error) { return json.Marshal(d.v) }

type Chained struct{ Role Role }

func (c Chained) MarshalText() ([]byte, error) { return c.Role.MarshalText() } // want MarshalText:"never fails"

type ChainedChecked struct{ Checked Checked }

func (c ChainedChecked) MarshalText() ([]byte, error) { return c.Checked.MarshalText() }

// Recursive asks itself.
type Recursive struct{ next *Recursive }

func (r *Recursive) MarshalJSON() ([]byte, error) { // want MarshalJSON:"never fails"
	if r.next == nil {
		return []byte("null"), nil
	}
	return json.Marshal(r.next)
}

// Ping and Pong ask each other, and one of them can fail.
type Ping struct{ pong *Pong }

func (p Ping) MarshalJSON() ([]byte, error) { return json.Marshal(p.pong) }

type Pong struct{ ping *Ping }

func (p Pong) MarshalJSON() ([]byte, error) {
	if p.ping == nil {
		return nil, errors.New("alone")
	}
	return json.Marshal(p.ping)
}

type Naked struct{}

func (Naked) MarshalJSON() (b []byte, err error) {
	return
}

type Dynamic struct{ m func() ([]byte, error) }

func (d Dynamic) MarshalJSON() ([]byte, error) { return d.m() }

type Elsewhere struct{}

func (Elsewhere) MarshalJSON() ([]byte, error) { return marshal(1) }

func marshal(n int) ([]byte, error) {
	if n == 0 {
		return nil, errors.New("zero")
	}
	return nil, nil
}

type Appending struct{}

func (a Appending) MarshalText() ([]byte, error) { return a.AppendText(nil) } // want MarshalText:"never fails"

func (Appending) AppendText(b []byte) ([]byte, error) { return b, nil }

type Interface struct{ json.Marshaler }

func (i Interface) MarshalJSON() ([]byte, error) { return i.Marshaler.MarshalJSON() }

// Stamp has a method by embedding.
type Stamp struct{ time.Time }

// Other has a method of that name which is none.
type Other struct{}

func (Other) MarshalJSON() string { return "" }

type Generic[T any] struct{ of T }

func (Generic[T]) MarshalText() ([]byte, error) { return nil, nil } // want MarshalText:"never fails"
