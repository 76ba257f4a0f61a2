// Package nodes has the tests of several Apps that are nodes of one cluster, on a Broker in memory. It has nothing for
// programs.
package nodes
