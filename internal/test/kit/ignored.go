package kit

import "github.com/wsgate/wsgate"

// Ignored returns how many messages of other nodes an App has ignored.
func Ignored(app interface{ Stats() wsgate.Stats }) (sum uint64) {
	for _, n := range app.Stats().Ignored {
		sum += n
	}
	return sum
}
