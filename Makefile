# Two commands for a newcomer: `make demo` and `make test`. Each makes the environment it needs.
#
#   make demo PYTHON=python3.12     another interpreter (3.11 or newer)
#   make test VENV=/tmp/env         another place for the environment
#   make test TORCH=torch           another PyTorch; the default is the version the tests ran with

VENV ?= .venv
TORCH ?= torch==2.13.0
# The first interpreter that is new enough; one that is named is taken as it is.
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; \
	done || true)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CHECKED := src tests benchmarks
COVERAGE_FLOOR := 94
RUNS := runs/demo
# Small tensors: more threads a process only wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint format types tests docs bench coverage clean

help:  ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 10

# The environment --------------------------------------------------------------------------------
# Stamps, not the files themselves: a second call finds them newer than pyproject.toml and does
# nothing. PyTorch comes first and pinned: left to the package's range, pip may take a newer build
# with gigabytes of CUDA.

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "rarecall needs Python 3.11 or newer; name it: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "rarecall needs Python 3.11 or newer, and $(PYTHON) is not that; name one: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.torch: | $(VENV)/.made
	@$(BIN)/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' || \
		$(PIP) install --quiet "$(TORCH)"
	@touch $@

$(VENV)/.package: pyproject.toml | $(VENV)/.torch
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.torch
	$(PIP) install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.package

# What a newcomer runs ---------------------------------------------------------------------------

demo: $(VENV)/.package  ## Compare methods on two real sets that come with scikit-learn
	@rm -rf $(RUNS)
	$(BIN)/rarecall compare --config examples/digits.yaml --out $(RUNS)/digits
	$(BIN)/rarecall compare --config examples/breast-cancer.yaml --out $(RUNS)/breast-cancer
	@echo
	@echo "The reports, to open in a browser:"
	@echo "  $(RUNS)/digits/report.html"
	@echo "  $(RUNS)/breast-cancer/report.html"

test: check tests  ## Lint, types, tests, doctests, coverage: what CI runs

# Checks -----------------------------------------------------------------------------------------

check: lint types

lint: $(VENV)/.dev  ## Lint and check the formatting
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)

format: $(VENV)/.dev  ## Format, and mend what can be mended
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

types: $(VENV)/.dev  ## Check the types, strictly
	$(BIN)/mypy

tests: $(VENV)/.dev  ## Tests and doctests alone; `make tests ARGS="-k alm"` for some of them
ifdef ARGS
	$(ONE_THREAD) $(BIN)/pytest $(ARGS)
else
	$(ONE_THREAD) $(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term --cov-fail-under=$(COVERAGE_FLOOR)
endif

docs: $(VENV)/.dev  ## Run every example of the documentation and check that it is complete
	$(ONE_THREAD) $(BIN)/pytest tests/docs

bench: $(VENV)/.dev  ## Measure one step of every method, ensembles, and a whole comparison
	$(BIN)/python benchmarks/step_cost.py
	$(BIN)/python benchmarks/members.py
	$(BIN)/python benchmarks/pairwise_terms.py
	$(BIN)/python benchmarks/metrics_cost.py
	$(BIN)/python benchmarks/compare_end_to_end.py
	$(BIN)/python benchmarks/end_to_end.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/unit_costs.py
	$(BIN)/python benchmarks/batches.py

coverage: $(VENV)/.dev  ## Simulate how often intervals and promises hold; rewrite docs/coverage.md
	$(BIN)/python benchmarks/coverage.py

clean:  ## Remove the environment, the demo's runs and every cache
	rm -rf $(VENV) $(RUNS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
