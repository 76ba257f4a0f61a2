package ram

import (
	"bufio"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine returns the machine's memory.
func machine() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// cgroups returns the least limit of the process's control groups, of either version, and of their parents. The files
// are below root.
func cgroups(root string) (limit int64) {
	f, err := os.Open(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		id, rest, _ := strings.Cut(lines.Text(), ":") // "0::/a/b", or for version 1 "4:memory:/a/b"
		controllers, group, ok := strings.Cut(rest, ":")
		dir, file := "sys/fs/cgroup", "memory.max"
		if slices.Contains(strings.Split(controllers, ","), "memory") {
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if id != "0" {
			continue
		}
		// In a container the path may not be visible; then the container's own group is at the top.
		for group = path.Clean("/" + group); ok; group = path.Dir(group) {
			limit = least(limit, readLimit(filepath.Join(root, dir, group, file)))
			ok = group != "/"
		}
	}
	return limit
}

// readLimit returns the number in a file, 0 for "max" or if there is none.
func readLimit(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}
