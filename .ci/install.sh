#!/usr/bin/env bash
# Gets every released module as its users do: this tree is served by a file proxy, in the version that its modules
# require of each other, to modules outside of this repository. The programs of the README are built there and talked to.
#
# Neither the user's module cache nor a published version has a part in that: the check has a cache of its own, which
# takes the modules of others from where the user's has them.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
started=() # processes
. .ci/modules.sh

# check WHAT begins with the next thing that users do.
check() {
	[[ -z ${what-} ]] || printf 'ok\t%s\n' "$what"
	what=$1
	: >"$scratch/log"
}

# What the commands say is shown when one of them fails.
exec 3>&2 2>>"$scratch/log"
finish() {
	local code=$?
	((${#started[@]} == 0)) || kill "${started[@]}" || true
	if ((code != 0)); then
		printf 'FAIL\t%s\n' "$what" >&3
		sed 's/^/\t/' "$scratch/log" >&3
	fi
	rm -rf "$scratch"
}
trap finish EXIT

check 'all modules have one version'
version=$(own_versions)
[[ $version != *$'\n'* ]] || { printf 'have %s\n' "$version" >&2; exit 1; }

# A release is judged as it is tagged, anything else as if it were.
check "the modules can be packed as $version"
if [[ $(git describe --tags --exact-match --match "$version" --dirty 2>/dev/null) == "$version" ]]; then
	repository=file://$PWD
	sums=$(pack "$version" "$repository" "$scratch/proxy")
	check 'the go.sum files have the sums of this release'
	for dir in $(workspace_modules); do
		if own_sums "$dir" | grep -vxF "$sums"; then
			printf '%s/go.sum has these; want, by make release:\n%s\n' "$dir" "$sums" >&2
			exit 1
		fi
	done >&2
else
	commit_tree "$version" "$scratch/repository"
	repository=file://$scratch/repository
	sums=$(pack "$version" "$repository" "$scratch/proxy")
fi

check 'there is a NATS server'
(cd broker/nats && go build -o "$scratch/nats-server" github.com/nats-io/nats-server/v2)

readme=$PWD/README.md
mapfile -t sent < <(sed -n 's/^    → //p' "$readme")
mapfile -t heard < <(sed -n 's/^    ← //p' "$readme")

downloads=$(go env GOMODCACHE)/cache/download
export GOPROXY=file://$scratch/proxy/cache/download,file://$downloads,$(go env GOPROXY)
export GONOSUMDB=$(go env GONOSUMDB),$module GONOPROXY=none GOVCS='*:off' GOWORK=off GOMODCACHE=$scratch/modules GOBIN=$scratch/bin
GOFLAGS="$(go env GOFLAGS) -modcacherw -trimpath" # with -trimpath the build cache does not care where the module cache is
export GOFLAGS PATH=$GOBIN:$PATH

# begin WHAT checks something in a new module of a user's.
begin() {
	check "$1"
	dir=$(mktemp -d "$scratch/XXXXXX")
	cd "$dir"
	go mod init example.com/hello
}

# readme_block LANGUAGE N prints a block of the README.
readme_block() {
	awk -v fence="\`\`\`$1" -v n="$2" '$0 == fence { inside = ++blocks == n; next } /^```/ { inside = 0 } inside' "$readme"
}

# program N writes the README's program, for a port that is free.
program() { readme_block go "$1" | sed 's/"localhost:3100"/"localhost:0"/' >main.go; }

# await FD PATTERN reads until a line that matches, and prints what the parentheses in the pattern stand for.
await() {
	local line
	while IFS= read -r -t 60 line <&"$1"; do
		if [[ $line =~ $2 ]]; then
			echo "${BASH_REMATCH[1]}"
			return
		fi
		printf '%s\n' "$line" >&2
	done
	return 1
}

# serve runs the program of the module here, whose address it puts into $address.
serve() {
	go build -o hello .
	exec {output}< <(exec ./hello 2>&1)
	started+=($!)
	address=$(await "$output" 'wsgate: serving addr=([^ ]+)')
}

# converse PATH I talks to the program, as the README shows it in its line I of each direction.
converse() {
	local got
	got=$(timeout 60 wsgate listen "ws://$address$1" --send "${sent[$2]}" --count 1)
	[[ $got == "${heard[$2]}" ]] || { printf 'got  %s\nwant %s\n' "$got" "${heard[$2]}" >&2; return 1; }
}

begin "go install .../cmd/wsgate@$version"
go install "$module/cmd/wsgate@$version"
[[ $(wsgate version) == "wsgate $version (library $version, "* ]]

begin 'go get -tool .../cmd/wsgate'
go get -tool "$module/cmd/wsgate"
[[ $(go tool wsgate version) == *"(library $version, "* ]]

begin 'go get the library, and the shortest program of the README'
program 1
go get "$module"
serve
converse /ws 0

begin 'go get the library, and the program of the README with typed events; the analyzer finds no fault with it'
program 2
go get "$module"
go get -tool "$module/analyzer/cmd/wsgatevet"
go tool wsgatevet ./...
go vet -vettool="$(go tool -n wsgatevet)" ./...
serve
converse '/ws/chat/go?name=ann' 1

begin 'go get -tool .../analyzer/cmd/wsgatevet, which finds a fault'
go get -tool "$module/analyzer/cmd/wsgatevet"
readme_block go 1 | sed 's/ OnMessage(/ onMessage(/' >main.go
go get "$module"
go tool wsgatevet ./... 2>&1 | tee "$scratch/found" >&2 || true
grep -q 'main.Echo.onMessage is not exported' "$scratch/found"

# over ENGINE EXPRESSION makes two nodes' program of the README's: the expression makes the broker.
over() {
	program 2
	sed -i.bak 's/wsgate.New(Module, nil)/wsgate.New(Module, \&wsgate.Options{Broker: connect()})/' main.go
	cat >broker.go <<-END
		package main

		import (
			"log"
			"os"

			"$module"
			"$module/broker/$1"
		)

		func connect() wsgate.Broker {
			broker, err := $1.New(os.Getenv("BROKER"), nil)
			if err != nil {
				log.Fatal(err)
			}
			return broker
		}
	END
	go get "$module/broker/$1"
	go vet .
}

begin 'go get .../contract, and the types of the program of the README'
program 2
cat >main_test.go <<-END
	package main

	import (
		"testing"

		"github.com/wsgate/wsgate"
		"$module/contract"
	)

	func TestContract(t *testing.T) {
		app, err := wsgate.New(Module, nil)
		if err != nil {
			t.Fatal(err)
		}
		contract.Check(t, app, "asyncapi.json", "chat.ts")
	}
END
go get "$module/contract"
WSGATE_UPDATE=1 go test .
go test .
wsgate gen ts asyncapi.json >printed.ts
cmp chat.ts printed.ts

begin 'go get .../metrics/prometheus and .../metrics/otel'
cat >main.go <<-END
	package main

	import (
		"log"

		client "github.com/prometheus/client_golang/prometheus"
		"$module"
		"$module/metrics/otel"
		"$module/metrics/prometheus"
	)

	func main() {
		telemetry, err := otel.New(nil)
		if err != nil {
			log.Fatal(err)
		}
		metrics := prometheus.New(nil)
		app, err := wsgate.New(&wsgate.Module{}, &wsgate.Options{Use: []any{telemetry.Middleware, metrics.Middleware}, Tracer: telemetry})
		if err != nil {
			log.Fatal(err)
		}
		metrics.Watch(app)
		client.MustRegister(metrics)
		if _, err := telemetry.Watch(app); err != nil {
			log.Fatal(err)
		}
	}
END
go get "$module/metrics/prometheus" "$module/metrics/otel"
go vet .

begin 'go get .../broker/redis'
over redis

begin 'go get .../broker/nats, and two nodes'
over nats
exec {output}< <(exec "$scratch/nats-server" -a 127.0.0.1 -p -1 2>&1)
started+=($!)
BROKER=nats://$(await "$output" 'Listening for client connections on (.*)')
export BROKER
serve
exec {bob}< <(exec wsgate listen "ws://$address/ws/chat/go?name=bob" --send '{"type":"say","data":"here"}' --no-reconnect)
started+=($!)
await "$bob" '"text":"(here)"' >/dev/null
serve # another node
converse '/ws/chat/go?name=ann' 1
[[ $(await "$bob" '(.*)') == "${heard[1]}" ]]

# Now nothing is published.
begin 'the README on using a clone'
rm go.mod
git() { command git -c "url.$repository.insteadOf=https://$module" "$@"; }
mkdir hello
(cd hello && program 2)
unset GOBIN GOWORK
export GOPATH=$scratch/gopath GOMODCACHE=$scratch/modules-of-a-clone GOPROXY=${GOPROXY#*,}
eval "$(readme_block sh 3 | grep -v '^go run')"
"$GOPATH/bin/wsgatevet" ./...
[[ $("$GOPATH/bin/wsgate" version) == *'library of the same checkout'* ]]
serve
converse '/ws/chat/go?name=ann' 1
check ''
