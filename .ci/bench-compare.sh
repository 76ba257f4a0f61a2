#!/usr/bin/env bash
# Compares the benchmarks of the root package at a commit with those of the working tree: .ci/bench-compare.sh COMMIT.
# Each side has the benchmarks of its own, and what only one has is shown without a comparison. ROUNDS, BENCHTIME and
# BENCH are as in the Makefile.
#
# The two take turns, so that what else the machine is busy with happens to both. They run on one processor, and what is
# compared is the time that it has spent (cpu-sec/op), not the time that has passed.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${ROUNDS:=10}" "${BENCHTIME:=0.5s}" "${BENCH:=.}"

die() { printf 'bench-compare: %s\n' "$*" >&2; exit 1; }

old=$(git rev-parse --verify --quiet "$1^{commit}") || die "$1 is no commit"
benchstat=$(GOWORK=off go -C tools tool -n benchstat)

scratch=$(mktemp -d)
finish() {
	git worktree remove --force "$scratch/tree" 2>/dev/null || true
	rm -rf "$scratch"
}
trap finish EXIT

# build SIDE DIR makes the test program of the tree in DIR.
build() {
	GOWORK=$2/go.work go -C "$2" test -c -trimpath -o "$scratch/$1.test" .
}

# measure SIDE adds a round to what was measured of it.
measure() {
	local out=$scratch/out
	"$scratch/$1.test" -test.run '^$' -test.bench "$BENCH" -test.benchtime "$BENCHTIME" -test.cpu 1 >"$out" 2>&1 ||
		{ cat "$out" >&2; die "a benchmark of the $1 side failed"; }
	grep -q '^Benchmark' "$out" || die "the $1 side has no benchmark $BENCH"
	cat "$out" >>"$scratch/$1"
}

git worktree add --quiet --detach "$scratch/tree" "$old"
build old "$scratch/tree"
build new "$PWD"
for ((round = 1; round <= ROUNDS; round++)); do
	printf 'round %d of %d\n' "$round" "$ROUNDS" >&2
	measure old
	measure new
done
printf 'old: %s\nnew: the working tree at %s\n\n' "$(git log -1 --format='%h %s' "$old")" "$(git describe --always --dirty)"
(cd "$scratch" && "$benchstat" -filter '-.unit:ns/op' old new)
