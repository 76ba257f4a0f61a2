#!/usr/bin/env bash
# Prepares a release of all modules in one version: .ci/release.sh vX.Y.Z. It writes the version into go.work, every
# go.mod and the package.json of the npm package, the sums of the modules into every go.sum that needs them, and the heading
# into CHANGELOG.md. Then it prints the commands that commit, tag and push; RELEASING.md says when.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
. .ci/modules.sh

version=${1-}
if ! [[ $version =~ ^v[01]\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$ ]]; then
	printf 'make release: the version\n\thave: %s\n\twant: vX.Y.Z, as in make release VERSION=v0.1.0; a major version from 2 on needs other module paths\n' \
		"${version:-nothing}" >&2
	exit 1
fi
if [[ -n $(git tag -l "$version") ]] || grep -qF "## [${version#v}]" CHANGELOG.md; then
	printf 'make release: %s\n\thave: its tag, or its heading in CHANGELOG.md\n\twant: a version that is not there yet\n' "$version" >&2
	exit 1
fi
if ! awk '/^(## )?\[/ { here = /^## \[Unreleased\]$/; next } here && NF { found = 1 } END { exit !found }' CHANGELOG.md; then
	printf 'make release: CHANGELOG.md\n\thave: nothing under ## [Unreleased]\n\twant: what is new\n' >&2
	exit 1
fi
if changes=$(git status --porcelain) && [[ -n $changes ]]; then
	printf 'make release: changes that are not committed\n\thave:\n%s\n\twant: none, as the sums would cover them\n' "$changes" >&2
	exit 1
fi

# set_version FILE writes the version behind the modules of this repository.
set_version() {
	sed -E "s#^((require|replace) |[[:space:]])([[:space:]]*$module(/[a-z/]+)?) v[^ ]+#\1\3 $version#" "$1" >"$scratch/file"
	cat "$scratch/file" >"$1"
}

# set_sums DIR SUMS writes what the go.sum of a module says of the modules of this repository that it requires.
set_sums() {
	local other path
	{
		other_sums "$1"
		for other in "${released[@]}"; do
			path=$(path_of "$other")
			if grep -qE "^(require )?[[:space:]]*$path v" "$1/go.mod"; then
				grep -E "^$path v" <<<"$2"
			fi
		done
	} | LC_ALL=C sort -s -k 1,1 >"$scratch/file"
	cat "$scratch/file" >"$1/go.sum"
}

set_version go.work
for dir in $(workspace_modules); do set_version "$dir/go.mod"; done
sed -E "s/^(  \"version\": )\"[^\"]*\"/\1\"${version#v}\"/" clients/typescript/package.json >"$scratch/file"
cat "$scratch/file" >clients/typescript/package.json

awk -v version="${version#v}" -v date="$(date -u +%Y-%m-%d)" -v url="https://$module" '
	{ print /^\[Unreleased\]: / ? "[Unreleased]: " url "/compare/v" version "...main" : $0 }
	/^## \[Unreleased\]$/ { print "\n## [" version "] - " date }
	/^\[Unreleased\]: / { print "[" version "]: " url "/releases/tag/v" version }
' CHANGELOG.md >"$scratch/file"
cat "$scratch/file" >CHANGELOG.md

# A module's sum covers its go.sum, so those that require a broker come after the broker itself.
before=
for pass in 1 2 3; do
	commit_tree "$version" "$scratch/repository$pass"
	sums=$(pack "$version" "file://$scratch/repository$pass" "$scratch/proxy$pass")
	[[ $sums != "$before" ]] || break
	for dir in $(workspace_modules); do [[ ! -e $dir/go.sum ]] || set_sums "$dir" "$sums"; done
	before=$sums
done

printf '%s is prepared. Look at it with git diff, then:\n\n\tgit commit -am "Release %s"\n' "$version" "$version"
for tag in $(tags "$version"); do printf '\tgit tag -a %s -m %s\n' "$tag" "$tag"; done
printf '\tmake install-check\n\tgit push --atomic origin HEAD %s\n' "$(tags "$version" | paste -sd ' ' -)"
