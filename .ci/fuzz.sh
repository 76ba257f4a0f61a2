#!/usr/bin/env bash
# Runs every fuzz target of every module in go.work for $FUZZTIME each. A target that fails does not stop the others.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${FUZZTIME:-20s}

# The names come before the line of the package they belong to, as in "FuzzA", "FuzzB", "ok  <package>  0.01s".
targets=$(go test -list '^Fuzz' work | awk '
	/^Fuzz/     { names[++n] = $1 }
	$1 == "ok"  { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }
')
if [[ -z $targets ]]; then
	printf 'fuzz: targets\n\thave none\n\twant at least one\n' >&2
	exit 1
fi

# Every run takes other turns through the goroutines, so that most inputs look new, and to make each as small as it can be
# would take all the time.
minimize=20x

failed=0
while read -r package name; do
	printf 'fuzz: %s in %s for %s\n' "$name" "$package" "$fuzztime"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" -fuzzminimizetime "$minimize" "$package" </dev/null || failed=1
done <<<"$targets"
exit "$failed"
