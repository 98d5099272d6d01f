# `make` alone lists the targets. Nothing but python3 (3.11 or newer), git and make is taken for granted.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed
LOCKS := requirements/bootstrap.txt requirements/dev.txt
SOURCES := tenantry tasks integrations flows console benchmarks tests
# rfc3987-syntax comes with an extra of jsonschema that tests need: where it is installed, every import of jsonschema, and so of
# Prefect, takes three seconds more, and nothing here checks internationalised addresses.
OMIT := --no-emit-package rfc3987-syntax --no-emit-package lark
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(OMIT)
# Tests wait for servers and vendors more than they work.
PARALLEL := -n 5
# Tests start hundreds of processes. Where Python may not write what it compiled, each of them would compile all of ours again.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest
# More for pytest: make test ARGS="-k journal"
ARGS ?=

.PHONY: help install demo test check torture lock clean

help:
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

install: $(STAMP)  ## make .venv with everything, from the locks

$(STAMP): $(LOCKS) pyproject.toml requirements/install
	@requirements/install

demo: $(STAMP)  ## an incident from alert to report, on this machine alone
	@$(BIN)/tenantry demo $(ARGS)

# Without the right to install Chromium the browser tests are skipped, or fail when CI is set (tests/conftest.py).
test: $(STAMP)  ## every test but the torture runs
# The first time, pytest compiles the tests while packages are installed: each of its processes would compile all of them otherwise.
	@[ -d tests/tasks/__pycache__ ] || $(PYTEST) -q --collect-only >/dev/null 2>&1 & \
	requirements/debian $$(grep -v '^#' requirements/debian.txt) || true; wait
	@$(PYTEST) -q -m "not torture" $(PARALLEL) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP)  ## ruff, strict types, layers
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet --check $(SOURCES) || { echo "these files are not formatted:"; $(BIN)/ruff format --check $(SOURCES); }
	@$(BIN)/mypy
	@$(PYTEST) -q tests/test_layers.py

torture: $(STAMP)  ## the long fault runs
	@$(PYTEST) -q -m torture $(PARALLEL) --dist load $(ARGS)

# Versions stay as they are unless pyproject.toml asks otherwise; ARGS=--upgrade takes the newest.
lock: $(STAMP)  ## write requirements/*.txt anew
	@$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt $(ARGS)
	@$(COMPILE) pyproject.toml --extra dev -o requirements/dev.txt $(ARGS)
	@$(COMPILE) requirements/fuzz.in -o requirements/fuzz.txt $(ARGS)

clean:  ## remove what was made here, .venv included
	@rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis tenantry-demo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
