// Package ram reports how much memory the process may use.
package ram

import (
	"math"
	"runtime/debug"
	"sync"
)

// Usable returns how many bytes the process may use: the least of GOMEMLIMIT, the limits of its control groups, and the
// machine's memory. It is 0 if none of them is known. The result is computed once.
var Usable = sync.OnceValue(func() int64 {
	return least(debug.SetMemoryLimit(-1), machine(), cgroups("/"))
})

// least returns the smallest of the limits. 0 and math.MaxInt64 mean no limit.
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
