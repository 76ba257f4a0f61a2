// Package clustertest tests whole clusters: several Apps, in this process or each in one of its own, over every engine
// that there is a broker for. What clients of all nodes say and hear is kept as a history, and every line in it is
// accounted for, also while engines are killed, nodes die or stop, and networks swallow everything.
package clustertest
