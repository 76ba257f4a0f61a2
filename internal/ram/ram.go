// Package ram reports how much memory the process may use.
package ram

import (
	"math"
	"runtime/debug"
	"sync"
)

// Usable returns how many bytes the process may use: the least of Go's own limit (GOMEMLIMIT), of those of its control
// groups, and of what the machine has. It is 0 if none of them is known. It looks once.
var Usable = sync.OnceValue(func() int64 {
	return least(debug.SetMemoryLimit(-1), machine(), cgroups("/"))
})

// least returns the smallest of the limits. 0 and math.MaxInt64 say that there is none.
func least(limits ...int64) int64 {
	least := int64(math.MaxInt64)
	for _, limit := range limits {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}
