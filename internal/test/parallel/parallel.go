// Package parallel is for the tests of packages that mostly wait, for servers, networks and limits.
package parallel

import (
	"flag"
	"runtime"
	"strconv"
)

// AtLeast has n parallel tests run at a time, however few processors there are. TestMain calls it before it runs them.
func AtLeast(n int) {
	if err := flag.Set("test.parallel", strconv.Itoa(max(n, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
}
