# Paraplu: `make demo` shows what it does, `make test` proves it. Both install what they need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED := 1

BIN     := bin/paraplu
VENV    := .venv
PYTHON  := $(CURDIR)/$(VENV)/bin/python
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOSRC   := $(shell find main.go internal examples -name '*.go' -not -path '*/node_modules/*' 2>/dev/null) go.mod go.sum
# everything that is embedded in the binary beside Go code
EMBED   := $(shell find internal -path '*/migrations/*' -type f; find examples -type f -not -name '*.pyc' -not -path '*/__pycache__/*' 2>/dev/null)
WEBSRC  := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/.out/*' 2>/dev/null)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

# ---------------------------------------------------------------- what a user needs

.PHONY: demo build
demo: build $(VENV)/.ready ## play the umbrella story on real weather (DEMO_ARGS='--exit --dir DIR --addr HOST:PORT')
	PARAPLU_PYTHON=$(PYTHON) $(BIN) demo $(DEMO_ARGS)

build: $(BIN) ## build bin/paraplu with the UI inside

$(BIN): $(GOSRC) $(EMBED) internal/web/dist/index.html
	@scripts/need go g++
	go build -trimpath -ldflags '-s -w -X github.com/paraplu/paraplu/internal/cli.version=$(VERSION)' -o $@ .

internal/web/dist/index.html: web/node_modules/.ready $(WEBSRC)
	cd web && npm run --silent build

web/node_modules/.ready: web/package-lock.json
	@scripts/need node npm
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/.ready: python/requirements.lock python/pyproject.toml
	@scripts/need python3
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r python/requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -e python
	@touch $@

# ---------------------------------------------------------------- what a developer needs

.PHONY: check test test-go test-race test-python test-web test-browser test-demo lint fmt
check: ## the fast loop: format, vet, unit tests on SQLite (under a minute when warm)
	@test -f internal/web/dist/index.html || mkdir -p internal/web/dist
	@bad=$$(gofmt -l main.go internal examples); test -z "$$bad" || { echo "not gofmt-ed: $$bad"; exit 1; }
	go vet ./...
	go test -short ./...

test: build $(VENV)/.ready ## everything: Go on SQLite and PostgreSQL, race detector, Python, web, Chromium, the demo
	@scripts/need postgres chromium
	@scripts/test-all

test-go: build $(VENV)/.ready ## Go tests on SQLite and a real PostgreSQL, with Python as the reference
	scripts/with-postgres env PARAPLU_REQUIRE_POSTGRES=1 PARAPLU_REQUIRE_PYTHON=1 PARAPLU_PYTHON=$(PYTHON) PARAPLU_BIN=$(CURDIR)/$(BIN) go test ./...

RACE := ./internal/db/... ./internal/event ./internal/blob ./internal/dag ./internal/pipeline ./internal/serving ./internal/inference ./internal/tracking \
	./internal/registry ./internal/rollout ./internal/monitor ./internal/lineage ./internal/mlflow ./internal/httpapi ./internal/steps ./internal/app
test-race: ## the concurrent rooms under the race detector
	go test -race -short $(RACE)

test-python: build $(VENV)/.ready ## ruff, mypy --strict, pytest
	$(VENV)/bin/ruff check python examples tests
	$(VENV)/bin/ruff format --check python examples tests
	cd python && ../$(VENV)/bin/mypy --strict src
	PARAPLU_BIN=$(CURDIR)/$(BIN) PARAPLU_REQUIRE_BIN=1 $(VENV)/bin/pytest -q python
	$(VENV)/bin/pytest -q examples/umbrella

test-web: web/node_modules/.ready ## type check, lint and unit tests of the UI
	cd web && npm run --silent check

test-browser: build $(VENV)/.ready web/node_modules/.ready ## the pages in a real headless Chromium
	@scripts/need chromium
	scripts/browser-test

test-demo: build $(VENV)/.ready ## the demo twice, and again after kill -9 in acts 2, 4 and 8
	PARAPLU_PYTHON=$(PYTHON) PARAPLU_BIN=$(CURDIR)/$(BIN) scripts/demo-test

lint: ## go vet and staticcheck
	go vet ./...
	go tool staticcheck ./...

fmt: ## format Go and Python
	gofmt -w main.go internal examples
	$(VENV)/bin/ruff format python examples tests

.PHONY: bench clean
bench: build $(VENV)/.ready ## figures of this machine beside peers (PART=product; tracking: MLflow server; data: DVC; quality: Great Expectations, Pandera)
	PARAPLU_PYTHON=$(PYTHON) bench/run -part $(or $(PART),product)

clean: ## remove what was built (not your workspaces)
	rm -rf bin internal/web/dist/* web/node_modules $(VENV)
