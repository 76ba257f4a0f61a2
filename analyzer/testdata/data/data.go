// Package data uses Conn.Data in goroutines.
package data

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wsgate/wsgate"
)

type Member struct{ Name string }

func (m Member) greet() {}

type conn = wsgate.Conn[Member]

type Chat struct{ wg sync.WaitGroup }

func use(...any) {}

func (g *Chat) OnOpen(ctx context.Context, c *conn) error {
	go func() {
		use(c.Data.Name) // want `wsgate: c.Data is used in another goroutine, and only the connection's own hooks and handlers may\n\thave a function that a go statement runs\n\tfix: copy what it needs into a variable before the goroutine starts`
		use(c.Data)      // once is enough
	}()
	go func() { c.Data.Name = "x" }() // want `c.Data is used`
	go func() { c.Data.greet() }()    // want `c.Data is used`
	go func() { use(&c.Data) }()      // want `c.Data is used`
	go func() {
		func() {
			defer use(c.Data) // want `c.Data is used`
		}()
	}()
	go func(c *conn) { use((*c).Data) }(c) // want `\(\*c\).Data is used`
	g.wg.Go(func() { use(c.Data) })        // want `a function that g.wg.Go runs`
	time.AfterFunc(time.Second, func() {
		use(c.Data) // want `time.AfterFunc`
	})
	context.AfterFunc(ctx, func() { use(c.Data) }) // want `context.AfterFunc`
	var eg errgroup.Group
	eg.Go(func() error { use(c.Data); return nil })    // want `eg.Go`
	eg.TryGo(func() error { use(c.Data); return nil }) // want `eg.TryGo`
	return eg.Wait()
}

// A closure and a function that is no method are looked at as well.
func handlers() (wsgate.Binding[Member], wsgate.Middleware) {
	say := wsgate.On("say", func(_ context.Context, c *conn, text string) error {
		go func() { use(c.Data) }() // want `c.Data`
		return nil
	})
	return say, func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			go func() { use(c.(*conn).Data) }() // want `c.\(\*conn\).Data`
			return next(ctx, c, in)
		}
	}
}

func generic[T any](c *wsgate.Conn[T]) {
	go func() { use(c.Data) }() // want `c.Data`
}

// None of these is another goroutine, or none touches Data.
func (g *Chat) OnMessage(ctx context.Context, c *conn, m wsgate.Message) error {
	member := c.Data
	go func() { use(member.Name) }()
	go use(c.Data)
	go func(m Member) { use(m) }(c.Data)
	go c.Data.greet()
	go func() { c.Send(m); use(c.ID(), c.Path()) }()
	func() { use(c.Data) }()
	defer func() { use(c.Data) }()
	var once sync.Once
	once.Do(func() { use(c.Data) })
	time.AfterFunc(time.Second, func() { use(member) })
	run(func() { use(c.Data) })
	go func() {
		// A handler that is made in a goroutine runs on its connection's.
		use(wsgate.On("say", func(_ context.Context, c *conn, text string) error {
			use(c.Data)
			return nil
		}))
	}()
	go func() {
		var other box
		use(other.Data)
	}()
	return nil
}

type box struct{ Data Member }

func run(f func()) { f() }

// A connection that is no parameter may be nobody else's.
func local() {
	var mine conn
	go func() { use(mine.Data) }()
	go func() {
		c := &mine
		func() { use(c.Data) }()
	}()
}

// The Data of something else is not the library's.
func other(c *box) {
	go func() { use(c.Data) }()
}
