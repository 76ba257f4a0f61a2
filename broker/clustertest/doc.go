// Package clustertest tests whole clusters: several Apps, in this process or each in its own, over every message
// broker that has a wsgate.Broker. A history records what clients of all nodes send and receive. Every line in it is
// accounted for, also while message brokers are killed, nodes die or stop, and networks drop everything.
package clustertest
