package cluster_test

// ignored returns how many messages a node has ignored.
func ignored(n interface{ Ignored() map[string]uint64 }) (sum uint64) {
	for _, count := range n.Ignored() {
		sum += count
	}
	return sum
}
