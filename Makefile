# Almanac. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(VENV)/bin
# The first supported Python on this machine; pass PYTHON=… to choose another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && command -v $$p && break; done)
# A mirror of the public files beside the checkout is used where there is one.
ALMANAC_MIRROR ?= $(if $(wildcard ../shared/data),$(abspath ../shared/data))
export ALMANAC_MIRROR
export ALMANAC_HOME := $(CURDIR)
# uv leaves the compiling of modules to their first import. Without the compiled files each process would compile them again.
unexport PYTHONDONTWRITEBYTECODE
# In a container one is often root, which Jupyter refuses unless it is told; it listens on the loopback and asks for its token.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
# Two cores: one worker each, the tests of a group on the same one.
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-faults browser check format lab mlflow serve benchmarks lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.lab ## Collect, train, evaluate, predict and publish every workload; a finished slot is only reported
	@$(BIN)/almanac run --all

serve: $(VENV)/.lab ## Answer on http://127.0.0.1:8000 from what was published
	@$(BIN)/almanac serve

lab: $(VENV)/.lab ## Open JupyterLab on the notebooks
	@$(BIN)/jupyter lab --ip 127.0.0.1 $(AS_ROOT) --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate notebooks

mlflow: $(VENV)/.lab ## Open the MLflow UI on http://127.0.0.1:5000
	@echo "MLflow opens on http://127.0.0.1:5000 with pages for language models; choose 'Model training' at the upper left to see runs and models."
	@MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow server --host 127.0.0.1 --port 5000 --workers 1 \
	  --backend-store-uri sqlite:///mlruns/mlflow.db --artifacts-destination mlruns/artifacts

test: $(VENV)/.dev ## All tests, notebooks included
	@$(PYTEST) -m "not faults"

test-fast: $(VENV)/.dev ## The quick tests, those that need no database, in under a minute
	@$(PYTEST) -p no:schemathesis -p no:nbval -m "not slow and not faults"

test-faults: $(VENV)/.dev ## Heavy repeats: kills, races, a million rows
	@$(PYTEST) -m faults

browser: $(VENV)/.dev ## Install a headless browser for the tests of pages, where none is present
	@.github/scripts/browser

check: $(VENV)/.dev ## Formatting, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

benchmarks: $(VENV)/.dev ## Every figure of the README, measured here; results in benchmarks/results
	@for program in benchmarks/[a-z]*.py; do $(BIN)/python $$program --json benchmarks/results/$$(basename $$program .py).json || exit 1; done

lock: $(VENV)/.dev ## Lock the dependencies of pyproject.toml again, with hashes, for all supported Pythons
	@constraint=; for extra in dev lab serve serve-oidc cloud; do \
	  test $$extra = dev || constraint="-c requirements/dev.txt"; \
	  $(COMPILE) pyproject.toml --extra $$extra $$constraint --output-file requirements/$$extra.txt || exit 1; \
	done
	@grep --only-matching 'uv==[0-9.]*' pyproject.toml | $(COMPILE) - --output-file requirements/uv.txt

clean: ## Stop the embedded database; remove environment, state and local MLflow store
	@test ! -x $(BIN)/almanac || $(BIN)/almanac db stop
	rm -rf $(VENV) .almanac mlruns/mlflow.db* mlruns/artifacts

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Almanac needs Python 3.11, 3.12 or 3.13. Install one, or run: make run PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: requirements/lab.txt pyproject.toml | $(VENV)/bin/python
	@requirements/install lab
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.lab
	@requirements/install dev
	@touch $@
