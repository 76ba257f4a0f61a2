#!/usr/bin/env bash
# Runs the library's tests with the releases of Go that this machine's go command is not: .ci/next.sh OLDER NEWER.
# Then with the older one and encoding/json on the engine that it has in the newer one. The go command downloads them.
set -euo pipefail
cd "$(dirname "$0")/.."
older=$1
own=$(go env GOVERSION)

# with RELEASE COMMAND... runs the command with that release, or with this machine's own if that is a patch of the same.
with() {
	local toolchain=$1
	shift
	[[ ${own%.*} == "${toolchain%.*}" ]] && toolchain=local
	GOTOOLCHAIN=$toolchain go version
	GOTOOLCHAIN=$toolchain "$@"
}

failed=0
for release in "$@"; do
	if [[ ${own%.*} != "${release%.*}" ]]; then
		with "$release" go test -race ./... ./analyzer/... ./contract/... || failed=1
	fi
done

# Those that are left out have no JSON in them, or too little for the time that they take.
packages=$(go list ./... ./contract/... | grep -v -e /internal/test/abuse -e /internal/test/conformance -e /internal/test/lifecycle -e /internal/test/soak)
# shellcheck disable=SC2086 # several packages
GOEXPERIMENT=jsonv2 with "$older" go test $packages || failed=1
exit "$failed"
