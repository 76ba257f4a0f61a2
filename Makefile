# Everything here covers every module that go.work names: `work` is the go command's own pattern for all their packages.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export GOWORK := $(CURDIR)/go.work

# The releases of Go that are supported, the one in the go.mod files first.
RELEASES := go1.26.8 go1.27.3

# How often `make race` repeats each test, and how long `make fuzz` gives each target.
COUNT    ?= 3
FUZZTIME ?= 20s

# How often `make bench-compare` runs each side, for how long each benchmark, and which of them.
export ROUNDS    ?= 10
export BENCHTIME ?= 0.5s
export BENCH     ?= .

# How long `make soak` loads a server, and how many schedules it plays.
SOAKTIME  ?= 10m
SCHEDULES ?= 100000

# What `make test-parking` tests: whatever has connections over sockets.
PARKING := . ./internal/transport ./internal/hub ./internal/test/abuse ./internal/test/conformance ./internal/test/lifecycle ./internal/test/soak ./wstest

# -race where the platform has it and cgo works, else nothing.
RACE = $(shell go list -race -f -race runtime 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## run every test of every module, with the race detector where there is one
	go test $(RACE) work
	go test -run Allocations -bench . -benchtime 1x . # neither counts under the race detector; each benchmark runs once

.PHONY: test-next
test-next: ## run the library's tests with the other release of Go, and with the older one on encoding/json's new engine
	.ci/next.sh $(RELEASES)

.PHONY: test-parking
test-parking: ## run the tests of connections with each one parked after every message, and with none ever parked
	go test $(RACE) -tags wsgate_parkatonce $(PARKING)
	go test $(RACE) -tags wsgate_noparking . ./internal/transport

.PHONY: race
race: ## run every test COUNT times with the race detector
	go test -race -count=$(COUNT) work

.PHONY: lint
lint: ## check format, vet, staticcheck, vulnerabilities, imports, go.mod files and the public surface
	.ci/lint.sh

.PHONY: install-check
install-check: ## get every module as users do, from a proxy that has this tree, and run the README's programs
	.ci/install.sh

.PHONY: release
release: ## prepare a release of all modules as VERSION, and print the commands that commit, tag and push it
	.ci/release.sh $(VERSION)

.PHONY: bench
bench: ## measure the library against its peers; BENCHFLAGS go to the program
	go -C bench run . $(BENCHFLAGS)

.PHONY: bench-compare
bench-compare: ## run the Go benchmarks of commit OLD and of the working tree in turns, ROUNDS times, and compare them
	.ci/bench-compare.sh $(or $(OLD),$(error make bench-compare OLD=<commit>))

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	FUZZTIME=$(FUZZTIME) .ci/fuzz.sh

.PHONY: soak
soak: ## load a server for SOAKTIME and watch what it holds, then play SCHEDULES of the lifecycle model
	go test -count=1 -v -timeout=0 -run 'TestSoak' ./internal/test/soak -soak $(SOAKTIME)
	go test -count=1 -v -timeout=0 ./internal/test/lifecycle -schedules $(SCHEDULES)

.PHONY: mutants
mutants: ## put faults into the library, one at a time, and show which test notices
	go run ./internal/test/mutants

.PHONY: tidy
tidy: ## format every file, and tidy every go.mod
	.ci/tidy.sh
