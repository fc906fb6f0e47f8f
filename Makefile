# `make verify` and `make test` do everything on a machine that has python3 (3.11 or later, with venv) and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

PINNED := --universal --python-version 3.11 --generate-hashes --upgrade --quiet --custom-compile-command "make lock"

.PHONY: verify test lint lock clean bench

verify: $(READY)  ## the main job: every scenario against the reference crons, on an embedded Postgres
	$(BIN)/cronproof verify

test: $(READY)  ## the tests of the harness itself, then the scenarios through pytest
	$(BIN)/pytest --numprocesses auto
	$(BIN)/pytest scenarios

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilt only when the lock or the project file is newer, so that a warm run pays one file comparison.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cronproof needs Python 3.11 or later; this is %d.%d (choose another with PYTHON=...)" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: $(READY)  ## pins the newest versions that pyproject.toml allows, for every platform
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/pip install --quiet --disable-pip-version-check uv
	.venv/lock/bin/uv pip compile pyproject.toml --group dev $(PINNED) --output-file requirements.lock
	.venv/lock/bin/uv pip compile --group bench $(PINNED) --constraint requirements.lock --output-file bench/requirements.lock

clean:
	rm -rf .venv reports .mypy_cache .ruff_cache .pytest_cache .hypothesis

bench: $(READY)  ## how fast schedules run, each number next to a baseline from the same run
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement bench/requirements.lock
	$(BIN)/python -m bench
