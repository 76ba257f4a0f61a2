package redis

// slotCount is the number of slots in a Redis Cluster.
const slotCount = 1 << 14

// slotOf returns the slot of a channel or key, which never has braces. A single server has one slot.
func (c *config) slotOf(name string) int {
	if !c.cluster {
		return 0
	}
	var sum uint16
	for i := range len(name) {
		sum = sum<<8 ^ checksums[byte(sum>>8)^name[i]]
	}
	return int(sum % slotCount)
}

// checksums is the table for CRC-16 with the polynomial 0x1021, as in the Redis Cluster specification.
var checksums = func() (table [256]uint16) {
	for i := range table {
		sum := uint16(i) << 8
		for range 8 {
			carry := sum >> 15
			sum = sum<<1 ^ carry*0x1021
		}
		table[i] = sum
	}
	return table
}()
