# Verbs of one word; CI runs the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# How many tests run side by side: most wait for processes, so that two cores are busy with more than two. What ARGS selects,
# by -k or by path, starts at once instead: each worker would first collect all tests.
SELECTION := $(filter -k% --lf --last-failed tests/% ./tests/%,$(ARGS))
WORKERS ?= $(if $(SELECTION),0,5)

# What one process has compiled, the next ones load, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test collect fuzz lint types check bench docs site lock build clean
# Packages come by their hashes, so cictl itself, which has none, is installed without them: with what builds it, also by its hash.
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check

help: ## Show the verbs
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(VENV)/runtime ## Start a server and an agent, run a sample project, show the result
	@$(BIN)/cictl demo

test: $(VENV)/dev ## Run every test, side by side, in about twenty minutes; ARGS=-kWORD or ARGS=tests/FOLDER runs some
	@echo "Running $(if $(SELECTION),what ARGS selects,every test: about twenty minutes on two cores)"
	@echo "$(if $(filter 0,$(WORKERS)),One after the other; WORKERS=5 for,$(WORKERS)) side by side"
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup $(ARGS)

# Each worker of a fresh checkout would compile all of them for itself.
collect: $(VENV)/dev ## Find every test without running it, and keep their byte code
	@found=$$($(BIN)/python -m pytest --collect-only -qq -p no:cacheprovider 2>&1) || { echo "$$found" | tail -40; exit 1; }

fuzz: $(VENV)/dev ## Try one target of tests/fuzz with fresh examples; ARGS='journal --minutes 10'
	@PYTHONPATH=tests/support $(BIN)/python -m cictl_testing.fuzz $(ARGS)

lint: $(VENV)/dev ## Check style, format, what could be turned against us, and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -c pyproject.toml -r cictl server client install
	$(BIN)/lint-imports

types: $(VENV)/dev ## Check types
	$(BIN)/mypy

check: lint types ## Lint, types, import contracts

bench: $(VENV)/dev ## Measure, as ratios within one run
	$(BIN)/python benchmarks/run.py $(ARGS)

docs: $(VENV)/dev ## Generate the references of CLI, API and client, manual pages, completions, installers
	$(BIN)/python -m cictl.cli.reference.docs
	$(BIN)/python -m cictl_server.apidoc.reference > docs/api.md
	$(BIN)/python -m cictl.cli.reference.client docs/client.md
	$(BIN)/python install/assemble.py

site: $(VENV)/dev ## Make the web site of the pages in build/site; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lock: $(VENV)/dev ## Renew the lists of pinned packages; ARGS=--upgrade takes the newest
	$(BIN)/python install/lock.py $(ARGS)

build: $(VENV)/dev ## Build sdist and wheel into dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## Remove everything that was made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@command -v git >/dev/null || { echo "error: git is needed; install it and try again" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Creating the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); echo "error: no virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/runtime: pyproject.toml cictl/installation/requirements.txt build-requirements.txt | $(VENV)/bin/python
	@echo "Installing cictl and what it needs"
	@$(PIP) --require-hashes -r cictl/installation/requirements.txt -r build-requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: constraints.txt $(VENV)/runtime
	@echo "Installing what the tests and checks need"
	@$(PIP) --require-hashes -r constraints.txt
	@touch $@
