# Every target is one command you could have typed; nothing is kept between runs.

PKGS     ?= ./...
FUZZTIME ?= 10s
FUZZJOBS ?= 2
BENCH    ?= .
COUNT    ?= 1

LINT = go tool -modfile=tools.mod golangci-lint

.PHONY: help check fmt vet lint test race fuzz bench vuln supply release demo browser packaging tutorial ci
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: fmt vet lint test ## what a change must pass before it is shown

fmt: ## format the Go files
	$(LINT) fmt

vet: ## go vet
	go vet $(PKGS)

lint: ## the linters of .golangci.yml (the first run builds them: a few minutes)
	$(LINT) run $(PKGS)

test: ## all tests
	go test $(PKGS)

race: ## the short tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short $(PKGS)

fuzz: ## each fuzz target for FUZZTIME (10s)
	.ci/fuzz $(FUZZTIME) $(FUZZJOBS)

bench: ## benchmarks matching BENCH, COUNT times; compare two outputs with benchstat
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PKGS)

vuln: ## known vulnerabilities in what the module calls (asks vuln.go.dev)
	go tool -modfile=tools.mod govulncheck $(PKGS)

supply: ## checksums, and known vulnerabilities from test/vulndb
	.ci/supply

release: ## binaries for all platforms, what they are made of (SBOM), checksums; into out/release
	packaging/release

demo: ## a node on http://127.0.0.1:7777 with the example games
	go run ./server

browser: ## two people play arena in Chromium
	cd test/browser && npm ci --ignore-scripts
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && go build -o "$$dir/ringside" ./server && RINGSIDE_BIN="$$dir/ringside" npm --prefix test/browser test

packaging: ## image, compose files, unit, alerts, dashboard, and what docs/OPERATIONS.md names
	.ci/packaging

tutorial: ## follow docs/TUTORIAL.md to the letter, in an empty folder
	.ci/tutorial

ci: ## everything, as on a new machine
	.ci/run
