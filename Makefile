# Everything runs inside .venv, which is made from the pinned, hashed requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo up test faults clients lint types imports unit benchmarks lock clean

help: ## Show the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make the environment

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## The whole story on this machine; ARGS="--contacts 20000 --edits 5000 --seed 7 --chaos"
	$(BIN)/segment-sync demo $(ARGS)

up: install ## Stack, simulated org and all workers, left running until Ctrl-C
	$(BIN)/segment-sync up $(ARGS)

test: install clients lint types imports ## Lint, types, import contracts and all tests; ARGS="-k name" for pytest
	$(BIN)/pytest $(ARGS)

faults: export FAULT_SEEDS ?= 20
faults: install ## Faults at random times against capture, 20 seeds a row; FAULT_SEEDS=5 FAULT_ROWS=F1,F31
	$(BIN)/pytest tests/faults $(ARGS)

clients: ## The JavaScript clients that judge the simulated org, where Node.js is there
	@if command -v npm >/dev/null; then cd tests/clients/javascript && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }; \
	else echo "Node.js is not there: the tests with JavaScript clients are skipped"; fi

unit: install ## Only the tests that need no server
	$(BIN)/pytest tests/unit $(ARGS)

lint: install ## Style
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: install ## Types
	$(BIN)/mypy

imports: install ## Import contracts
	$(BIN)/lint-imports --no-cache

benchmarks: install ## Every benchmark, one after the other
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: ## Pin the requirements anew, with hashes
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --extra sandbox --extra dev pyproject.toml --output-file requirements.txt
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host pyproject.toml --output-file requirements-runtime.txt

clean: ## Remove the environment and everything that was made
	rm -rf $(VENV) var
