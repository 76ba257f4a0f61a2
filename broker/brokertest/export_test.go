package brokertest

import "time"

// Hurry lowers how long the suite waits, for a broker that is known to fail.
func Hurry(d time.Duration) { patience, soon = d, d }
