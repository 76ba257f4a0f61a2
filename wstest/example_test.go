package wstest_test

import (
	"testing"

	"github.com/wsgate/wsgate/wstest"
)

// A question is on its way while other things happen.
func ExampleStartAsk() {
	run(func(t testing.TB) {
		app := wstest.New(t, shopModule)
		ann, bob := app.Dial("/shop?name=ann"), app.Dial("/shop?name=bob")

		pending := wstest.StartAsk(ann, Price, "tea")
		wstest.Do(bob, Order, "coffee")

		if got := pending.Wait(); got != 3 {
			t.Errorf("got %d, want 3", got)
		}
	})
	// Output: ok
}

// A client that is told who is there, in a test of something else.
func ExampleIgnore() {
	run(func(t testing.TB) {
		app := wstest.New(t, shopModule)
		ann, bob := app.Dial("/shop?name=ann"), app.Dial("/shop?name=bob")
		wstest.Ignore(ann, Visitors)

		wstest.Do(bob, Order, "coffee")

		if got := wstest.Next(ann, Ordered); got != "coffee" {
			t.Errorf("got %q, want coffee", got)
		}
		wstest.Quiet(ann)
	})
	// Output: ok
}
