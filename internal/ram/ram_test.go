package ram_test

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wsgate/wsgate/internal/ram"
)

func TestCgroups(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("control groups are Linux's")
	}
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none": {nil, 0},
		"version 2": {map[string]string{
			"proc/self/cgroup":                   "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max":       "1000\n",
			"sys/fs/cgroup/a/memory.max":         "max\n",
			"sys/fs/cgroup/unrelated/memory.max": "1\n",
		}, 1000},
		"version 2, the group above has less": {map[string]string{
			"proc/self/cgroup":             "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "1000\n",
			"sys/fs/cgroup/a/memory.max":   "500\n",
		}, 500},
		"version 2, in a container": {map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "1000\n",
		}, 1000},
		"version 2, a group that cannot be seen": {map[string]string{
			"proc/self/cgroup":         "0::/../elsewhere\n",
			"sys/fs/cgroup/memory.max": "1000\n",
		}, 1000},
		"version 1": {map[string]string{
			"proc/self/cgroup": "11:cpu,cpuacct:/a\n4:memory:/a\n0::/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/cpu/a/memory.limit_in_bytes":    "1\n",
		}, 1000},
		"nonsense": {map[string]string{"proc/self/cgroup": "x\n0\n\n", "sys/fs/cgroup/memory.max": "1000\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range test.files {
				file = filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := ram.Cgroups(root); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestLeast(t *testing.T) {
	for _, test := range []struct {
		limits []int64
		want   int64
	}{
		{nil, 0}, {[]int64{math.MaxInt64, 0}, 0}, {[]int64{math.MaxInt64, 7, 0, 5}, 5},
	} {
		if got := ram.Least(test.limits...); got != test.want {
			t.Errorf("%v: got %d, want %d", test.limits, got, test.want)
		}
	}
}

func TestUsable(t *testing.T) {
	if got := ram.Usable(); got < 1<<20 && runtime.GOOS == "linux" {
		t.Errorf("got %d bytes", got)
	}
}
