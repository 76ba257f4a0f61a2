#!/usr/bin/env bash
# Checks what neither the compiler nor a test can. Every check runs, and each failure prints what, have and want.
set -euo pipefail
cd "$(dirname "$0")/.."

allowed_requirements='github.com/coder/websocket go.uber.org/dig golang.org/x/sys golang.org/x/time'
max_exported_types=38

# Packages of the standard library whose importers .ci/imports.txt names.
watched='encoding/json|net/http|os/exec|plugin|reflect|syscall|testing(/.*)?|unsafe'

# The vulnerabilities that are known on a day, as the Go project's own module: what lint says depends on the commit and
# not on the day. Its newest version is what `go list -m golang.org/x/vulndb@latest` prints.
vulndb=golang.org/x/vulndb@v0.0.0-20261105234957-e22db6528018

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
. .ci/modules.sh

failures=0

# expect WHAT HAVE WANT reports a failure when HAVE is not WANT.
expect() {
	if [[ $2 == "$3" ]]; then
		printf 'ok\t%s\n' "$1"
	else
		fail "$@"
	fi
}

# fail WHAT HAVE WANT reports a failure; text of several lines begins on a line of its own.
fail() {
	local have=" ${2:-nothing}"
	[[ $have == *$'\n'* ]] && have=$'\n'$2
	printf 'FAIL\t%s\n\thave:%s\n\twant: %s\n' "$1" "$have" "${3:-nothing}"
	failures=$((failures + 1))
}

# succeeds WHAT WANT COMMAND... expects the command to exit with 0; what it prints is what we have.
succeeds() {
	local what=$1 want=$2 have
	shift 2
	if have=$("$@" 2>&1); then
		printf 'ok\t%s\n' "$what"
	else
		fail "$what" "${have:-$* failed}" "$want"
	fi
}

# shellcheck disable=SC2207 # no name has a space
modules=($(workspace_modules))
[[ ${#modules[@]} -gt 0 ]] || { fail 'modules in go.work' 'none' 'at least the root'; exit 1; }

staticcheck=$(GOWORK=off go -C tools tool -n staticcheck)
gofumpt=$(GOWORK=off go -C tools tool -n gofumpt)
govulncheck=$(GOWORK=off go -C tools tool -n govulncheck)
vulnerabilities=$(GOWORK=off go mod download -json "$vulndb" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')/data/osv
in_module analyzer go build -o "$scratch/wsgatevet" ./cmd/wsgatevet

# A nested module that go.work forgets would not be tested at all.
every_module_in_workspace() {
	local have want
	have=$(printf '%s\n' "${modules[@]}" | LC_ALL=C sort)
	want=$(find . -name go.mod -not -path './tools/*' -not -path '*/testdata/*' -exec dirname {} ';' | sed 's|^\./||' | LC_ALL=C sort)
	expect 'modules in go.work' "${have//$'\n'/ }" "${want//$'\n'/ }"
}

# The go command ignores the replacements of a dependency, and installs no program of a module that has any. In this tree
# go.work has them.
no_replacements() {
	expect 'replace and exclude in go.mod files' \
		"$(grep -nE '=>|^(replace|exclude)\>' "${modules[@]/%//go.mod}" | sed 's|^\./||')" ''
}

# The modules are released together, in one version.
lockstep() {
	local what='versions of the modules in each other and in go.work, and of the npm package' have
	have=$(own_versions)
	if [[ $have =~ ^v[0-9]+\.[0-9]+\.[0-9]+[^[:space:]]*$ ]]; then
		printf 'ok\t%s\n' "$what"
	else
		fail "$what" "${have//$'\n'/ }" 'one (make release VERSION=... sets it)'
	fi
}

# One line everywhere: what the tests of the workspace run with is what users get. docs/design.md says why it is this one.
same_go_line() {
	local want have
	want=go$(awk '$1 == "go" { print $2 }' go.work)
	have=$(find . -name go.mod -not -path '*/testdata/*' -exec awk -v want="${want#go}" '$1 == "go" && $2 != want { print FILENAME, $2 }' {} ';')
	expect 'go lines that are not that of go.work' "$have" ''
	have=$(awk '$1 == "RELEASES" { print $3 }' Makefile)
	expect 'the older of the RELEASES in the Makefile' "${have%.*}" "${want%.*}"
}

# The root module may ask little of its users: anything with another requirement is a nested module.
root_requirements() {
	local what='requirements in the root go.mod' direct path extra=
	if ! direct=$(in_module . go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all); then
		fail "$what" 'an error' 'a list of modules'
		return
	fi
	for path in $direct; do
		[[ " $allowed_requirements " == *" $path "* ]] || extra+="${extra:+ }$path"
	done
	if [[ -z $extra ]]; then
		printf 'ok\t%s\n' "$what"
	else
		fail "$what" "$extra" "nothing but $allowed_requirements"
	fi
}

# imports_of_the_library prints a line "package: imports" for each package that has other files than tests.
imports_of_the_library() {
	GOWORK=off go list -f '{{if .GoFiles}}{{.ImportPath}}{{range .Imports}} {{.}}{{end}}{{end}}' ./... |
		awk -v module="$module" -v watched="^($watched)\$" '
			function short(path) { sub("^" module "/", "", path); return path == module ? "." : path }
			NF == 0 { next }
			{
				printf "%s:", short($1)
				for (i = 2; i <= NF; i++) if ($i ~ /\./ || $i ~ watched) printf " %s", short($i)
				print ""
			}'
}

# The boundaries between packages: who may know whom.
imports() {
	local have difference
	if ! have=$(imports_of_the_library); then
		fail 'imports' "$have" 'a list of packages'
		return
	fi
	difference=$(diff <(sort_words .ci/imports.txt) <(sort_words <<<"$have") | grep '^[<>]' || true)
	expect 'imports (< allowed by .ci/imports.txt, > in the code)' "$difference" ''
}

# sort_words prints the lines of a file, or of the input, that are no comments: sorted, and the words in each as well.
sort_words() {
	grep -v -e '^#' -e '^$' "${1:--}" | while read -r first rest; do
		# shellcheck disable=SC2086 # several words
		printf '%s %s\n' "$first" "$(printf '%s\n' $rest | LC_ALL=C sort | paste -sd ' ' -)"
	done | LC_ALL=C sort
}

# Vulnerabilities in what a module requires fail when its code can reach them. Those of the standard library are for the
# newest patch of Go, whose version is not this repository's to choose: they are told.
no_known_vulnerabilities() {
	local what="govulncheck in $1" out status=0
	out=$(in_module "$1" "$govulncheck" -db "file://$vulnerabilities" ./... 2>&1) || status=$?
	if ((status == 3)) && ! grep -q '^ *Module: ' <<<"$out" && grep -q '^ *Standard library$' <<<"$out"; then
		printf 'ok\t%s\n\tnote: %s\n' "$what, but for the standard library of $(go env GOVERSION)" \
			"$(grep '^Your code is affected by' <<<"$out")"
	elif ((status == 0)); then
		printf 'ok\t%s\n' "$what"
	else
		fail "$what" "$out" 'no vulnerability that the code can reach'
	fi
}

# Package testing registers flags and has no place in a server. The test kits are for it, and benchmarks may use it.
no_testing_in_programs() {
	local what='packages that need testing, outside the test kits' dir deps all= found
	for dir in "${modules[@]}"; do
		[[ $dir == bench ]] && continue
		if ! deps=$(in_module "$dir" go list -f '{{.ImportPath}} {{join .Deps " "}}' ./...); then
			fail "$what" 'an error' "a list of the packages in $dir"
			return
		fi
		all+=$deps$'\n'
	done
	found=$(awk -v kit="$module/wstest" -v brokers="$module/broker/brokertest" -v ours="$module/internal/test/kit" \
		-v browser="$module/examples/internal/chromium" '
		$1 == kit || index($1, kit "/") == 1 || $1 == brokers || $1 == ours || $1 == browser { next }
		{ for (i = 2; i <= NF; i++) if ($i == "testing" || $i ~ /^testing\//) { print $1; next } }
	' <<<"$all")
	expect "$what" "$found" ''
}

# A call of reflect's Method(i) anywhere makes the linker keep every exported method of every user's program.
# The linker marks the functions that call it.
no_reflect_method() {
	local what='functions in examples/echo that enumerate methods by reflection' dump=$scratch/dump
	if ! in_module examples go build -o "$scratch/echo" -ldflags=-dumpdep ./echo >"$dump" 2>&1; then
		fail "$what" "$(tail -n 20 "$dump")" 'a program'
	elif ! grep -q 'main\.main' "$dump"; then
		fail "$what" 'no output of -ldflags=-dumpdep' 'the functions that main.main needs'
	else
		expect "$what" "$(awk '{ for (i = 2; i <= NF; i++) if ($i == "<ReflectMethod>") print $(i - 1) }' "$dump" | sort -u)" ''
	fi
}

exported_types() {
	local what='exported types in the root package' count
	if ! count=$(go doc -short . | awk '/^type / { n++ } END { print n + 0 }'); then
		fail "$what" 'an error' 'a list of the exported names'
	elif ((count > max_exported_types)); then
		fail "$what" "$count" "at most $max_exported_types"
	else
		printf 'ok\t%s\n' "$what"
	fi
}

# The comment is lost without a warning when a blank line comes between it and the package clause.
package_comment() {
	local what='package comment that go doc prints' first
	if first=$(go doc . | sed -n 3p) && [[ $first == "Package ${module##*/} "* ]]; then
		printf 'ok\t%s\n' "$what"
	else
		fail "$what" "$first" "Package ${module##*/} ..."
	fi
}

succeeds 'format' 'no difference (make tidy)' "$gofumpt" -d .
every_module_in_workspace
no_replacements
lockstep
same_go_line
for dir in "${modules[@]}" tools; do
	succeeds "go mod tidy in $dir" 'no difference (make tidy)' tidy_module "$dir" -diff
done
for system in darwin windows; do
	succeeds "go vet for $system" 'no complaint, so that programs and tests compile there' env GOOS=$system go vet work
done
for dir in "${modules[@]}"; do
	succeeds "go vet in $dir" 'no complaint' in_module "$dir" go vet ./...
	succeeds "staticcheck in $dir" 'no complaint' in_module "$dir" "$staticcheck" ./...
	own=()
	[[ $dir == . ]] && own=(-test=false) # the library's tests make every mistake on purpose
	succeeds "wsgatevet in $dir" 'no complaint' in_module "$dir" "$scratch/wsgatevet" ${own[@]+"${own[@]}"} ./...
	no_known_vulnerabilities "$dir"
done
imports
root_requirements
no_testing_in_programs
no_reflect_method
exported_types
package_comment

if ((failures > 0)); then
	printf 'lint: %d failed\n' "$failures"
	exit 1
fi
