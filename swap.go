package wsgate

import "github.com/wsgate/wsgate/internal/testkit"

func init() {
	testkit.Build = func(root, options any, swaps []testkit.Swap) (any, error) {
		b := newBuilder(options.(*Options))
		for _, s := range swaps {
			b.plan.Replace(s.Decorator, s.Pos)
		}
		return b.build(root.(*Module))
	}
}
