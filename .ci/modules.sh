# What the scripts know about the modules of this repository. They source this file at the root, and keep what is
# temporary in $scratch.

module=github.com/wsgate/wsgate

# The modules that users get, as directories: each release tags them. The others are programs and tests that are run in
# a clone only.
released=(. analyzer broker/nats broker/redis cmd contract metrics/otel metrics/prometheus)

# path_of DIR prints the path of the module in that directory.
path_of() { if [[ $1 == . ]]; then echo "$module"; else echo "$module/$1"; fi; }

# workspace_modules prints the directories of the modules in go.work.
workspace_modules() {
	GOWORK=$PWD/go.work go list -m -f '{{.Dir}}' | sed -e "s|^$PWD\$|.|" -e "s|^$PWD/||"
}

# own_versions prints the versions in which go.work and the modules name the modules of this repository, and that of the npm
# package, each once.
own_versions() {
	local dir files=(go.work)
	for dir in $(workspace_modules); do files+=("$dir/go.mod"); done
	{
		sed -nE "s#^((require|replace) |[[:space:]])[[:space:]]*$module(/[a-z/]+)? (v[^ ]+).*#\4#p" "${files[@]}"
		sed -nE 's#^  "version": "(.*)",#v\1#p' clients/typescript/package.json
	} | sort -u
}

# other_sums DIR prints the go.sum of a module without the modules of this repository.
other_sums() { sed "\#^$module[ /]#d" "$1/go.sum"; }

# own_sums DIR prints what the go.sum of a module says of the modules of this repository.
own_sums() { sed -n "\#^$module[ /]#p" "$1/go.sum"; }

# use_tree mod|work DIR FILE has a go.mod or go.work file for the module in DIR take the others from this tree: that is
# what the required version will be once it is released.
use_tree() {
	local other
	for other in "${released[@]}"; do
		[[ $other == "$2" ]] || go "$1" edit -replace="$(path_of "$other")=$PWD/$other" "$3"
	done
}

# in_module DIR COMMAND... runs the command in a module with the versions that its users get, not with those that the
# workspace agrees on.
in_module() {
	local dir=$1 work=$scratch/work/$1/go.work
	shift
	if [[ ! -e $work ]]; then
		mkdir -p "${work%/*}"
		GOWORK=$work go work init "$PWD/$dir"
		use_tree work "$dir" "$work"
	fi
	(cd "$dir" && GOWORK=$work "$@")
}

# tidy_module DIR [FLAG...] runs `go mod tidy` in a module, on the copies $scratch/mod/DIR/go.mod and go.sum.
tidy_module() {
	local dir=$1 copy=$scratch/mod/$1
	shift
	mkdir -p "$copy"
	cp "$dir/go.mod" "$copy/go.mod"
	other_sums "$dir" >"$copy/go.sum"
	use_tree mod "$dir" "$copy/go.mod"
	GOWORK=off go -C "$dir" mod tidy -modfile="$copy/go.mod" "$@"
}

# tags VERSION prints the tag of each released module.
tags() {
	local dir
	for dir in "${released[@]}"; do
		if [[ $dir == . ]]; then echo "$1"; else echo "$dir/$1"; fi
	done
}

# commit_tree VERSION DIR makes a git repository in DIR whose only commit is this tree, with the tags of that release.
commit_tree() (
	export GIT_DIR=$2/.git GIT_WORK_TREE=$PWD GIT_CONFIG_GLOBAL=/dev/null
	git init -q "$2"
	git add -A
	git -c user.name=release -c user.email= commit -qm "$1"
	tags "$1" | xargs -n 1 git tag
)

# pack VERSION REPOSITORY DIR has the go command pack the released modules, as it does for those who get them from that
# repository; $DIR/cache/download is a file proxy then. It prints the sums of the modules, as they stand in a go.sum.
pack() (
	mkdir -p "$3"
	export GOMODCACHE=$3 GOFLAGS=-modcacherw GOPROXY=direct GONOSUMDB=$module GOVCS='*:git' GOWORK=off
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=url.$2.insteadOf GIT_CONFIG_VALUE_0=https://$module
	paths=()
	for dir in "${released[@]}"; do paths+=("$(path_of "$dir")@$1"); done
	cd "$3" # outside of any module, whose go.sum it would write
	go mod download -json "${paths[@]}" | awk -F '"' '
		$2 == "Error" { print > "/dev/stderr"; failed = 1 }
		$2 == "Path" { path = $4 }
		$2 == "Version" { version = $4 }
		$2 == "Sum" { print path, version, $4 }
		$2 == "GoModSum" { print path, version "/go.mod", $4 }
		END { exit failed }
	'
)
