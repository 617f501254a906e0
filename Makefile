# Every task of this project. `make demo` and `make test` need Python, Git and a
# package index, and nothing installed by hand.

PYTHON ?= python3
VENV ?= .venv

BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
IN_VENV := PATH="$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help demo test test-integrations integrations check lint format bench clean

help:  ## Show these lines.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp  ## Record, compare, reproduce and roll back a real training run.
	@$(IN_VENV) examples/digits/demo.sh

test: $(VENV)/dev.stamp  ## Run all tests.
	@$(IN_VENV) python -m pytest $(PYTEST_ARGS)

test-integrations:  ## Train with each library that has a callback; installs about 2 GB beside.
	@$(MAKE) --no-print-directory VENV=$(VENV)-integrations integrations

integrations: $(VENV)/integrations.stamp
	@$(IN_VENV) python -m pytest tests/integrations $(PYTEST_ARGS)

check: test lint  ## Do what CI does, less the demo in a fresh clone.

lint: $(VENV)/dev.stamp  ## Check style, types, import contracts and spelling.
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) mypy
	@$(IN_VENV) lint-imports
	@$(IN_VENV) typos

format: $(VENV)/dev.stamp  ## Format the code and fix what can be fixed safely.
	@$(IN_VENV) ruff check --fix .
	@$(IN_VENV) ruff format .

bench: $(VENV)/dev.stamp  ## Measure mlv; BENCH_ARGS=--peers measures DVC and MLflow too.
	@$(IN_VENV) python -m benchmarks $(BENCH_ARGS)

clean:  ## Remove the virtual environment and everything else that was built.
	rm -rf $(VENV) $(VENV)-integrations build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# A stamp is newer than pyproject.toml as long as the environment holds what it asks for.
$(VENV)/demo.stamp: EXTRAS := demo
$(VENV)/dev.stamp: EXTRAS := dev,demo
$(VENV)/integrations.stamp: EXTRAS := integrations
$(VENV)/%.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "installing mlv and its dependencies into $(VENV) (the first time takes about a minute)"
	@$(PIP) install --quiet --quiet --editable '.[$(EXTRAS)]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "mlv needs Python 3.10 or newer: try \`make PYTHON=python3.12 ...\`" >&2; exit 1; }
	@echo "creating the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
