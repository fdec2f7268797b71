# Everything a developer runs. `make help` lists it; CONTRIBUTING.md explains it.

GO      ?= go
FUZZTIME ?= 10s
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help demo test quick race lint generate verify check bench fuzz build clean

help: ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## Live three years of a sample business and serve it (nothing to install)
	$(GO) run ./cmd/perennial demo

test: ## Run every test; first installs what they drive (PostgreSQL, Chromium, poppler-utils)
	@scripts/install-test-tools
	scripts/with-postgres $(GO) test -count=1 -timeout=14m ./...
	$(GO) vet ./...

quick: ## Run the tests that are quick: no browser, no long stories
	@scripts/install-test-tools
	scripts/with-postgres $(GO) test -short ./...

race: ## Run every test under the race detector (needs a C compiler)
	@scripts/install-test-tools
	CGO_ENABLED=1 scripts/with-postgres $(GO) test -race -count=1 -timeout=45m ./...

lint: .cache/golangci-lint ## Run the linters of .golangci.yml (builds them once, about a minute)
	.cache/golangci-lint run ./...

.cache/golangci-lint: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

generate: ## Make the generated files again: pages, and style sheets where npm is there
	internal/web/build.sh templates
	@if command -v npm >/dev/null; then set -x; internal/web/build.sh styles; \
	else echo 'npm is not there: the style sheets and vendored scripts stay as they are'; fi

verify: ## Fail when a generated file is not what its source gives
	internal/web/build.sh verify

check: verify lint test ## Everything that must pass before a change is taken

# Not with-postgres: that cluster skips the waits for the disk that are measured here.
bench: ## Measure against the stated floors, on both engines (BENCH='-rounds 5 -only B5')
	@scripts/install-test-tools
	$(GO) run ./test/bench $(BENCH)

fuzz: ## Fuzz every decoder for a short time (FUZZTIME=10s each)
	scripts/fuzz $(FUZZTIME)

build: ## Build the static program as bin/perennial
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w -X main.version=$(VERSION)' -o bin/perennial ./cmd/perennial

clean: ## Remove what these targets built; data stays
	rm -rf bin .cache
