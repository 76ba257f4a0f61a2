#!/usr/bin/env bash
# Formats every file, and tidies every go.mod and go.sum.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
. .ci/modules.sh

GOWORK=off go -C tools tool gofumpt -l -w ..

# No `go work sync`: it would raise the requirements of the library to whatever an example or a benchmark asks for.
for dir in $(workspace_modules) tools; do
	tidy_module "$dir"
	for other in "${released[@]}"; do
		go mod edit -dropreplace="$(path_of "$other")" "$scratch/mod/$dir/go.mod"
	done
	# What it says of this repository's own modules is the release's to write.
	own_sums "$dir" | LC_ALL=C sort -m -s -t ' ' -k 1,1 "$scratch/mod/$dir/go.sum" - >"$scratch/sums"
	cp "$scratch/mod/$dir/go.mod" "$dir/go.mod"
	cp "$scratch/sums" "$dir/go.sum"
done
