# `make verify` and `make test` do everything on a machine that has python3 (3.11 or later, with venv) and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

NPM := $(shell command -v npm)
LITE := tests/standins/supabase/lite
NODE_PG := fixtures/targets/node-pg
NEXTJS := fixtures/targets/nextjs-supabase
FASTAPI := fixtures/targets/fastapi
LIBRARIES := fixtures/targets/libraries
FORMATS := tests/report/formats
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
EXAMPLES := $(NODE_PG)/node_modules/.ready $(LIBRARIES)/node_modules/.ready $(NEXTJS)/.next/.ready $(FASTAPI)/.venv/.ready
NPM_CI := npm ci --no-audit --no-fund --silent

# Slow tests wait for other processes now and then: one more of them than there are processors.
MORE := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

PINNED := --universal --python-version 3.11 --generate-hashes --upgrade --quiet --custom-compile-command "make lock"

# Every process would compile all modules again, which takes half a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help verify test prove stress examples built lint lock clean bench

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf 'make %-9s %s\n' "$$name" "$$what"; done

verify: $(READY)  ## verify every scenario against the reference crons, on an embedded Postgres: the main job
	$(BIN)/cronproof verify

test: $(READY) $(if $(NPM),$(LITE)/node_modules/.ready $(FORMATS)/node_modules/.ready) $(if $(CHROMIUM),.venv/.browser)  ## the tests of cronproof itself
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not examples and not slow"

prove: $(READY)  ## prove that the checks catch what they claim to, and run the slow tests; a quarter of an hour
	$(BIN)/cronproof prove
	$(BIN)/pytest --numprocesses $(MORE) --dist worksteal -m slow

stress: $(READY)  ## hammer sixty claims without control, 20,000 times each: what it shows the exploration must have; an hour
	CRONPROOF_TRIALS=20000 CRONPROOF_REPLAYS=100 $(BIN)/pytest --numprocesses auto --dist worksteal -o faulthandler_timeout=3600 -m slow tests/explore/test_shapes.py tests/prove/test_shapes.py

built: $(EXAMPLES) $(LITE)/node_modules/.ready $(FORMATS)/node_modules/.ready .venv/.browser

examples: $(READY) $(EXAMPLES)  ## verify the applications of fixtures/targets, unmodified; needs Node
	$(BIN)/pytest --numprocesses auto --dist worksteal -m examples tests/test_examples.py tests/test_docs.py

lint: $(READY)  ## ruff, mypy --strict, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Rebuilt only when the lock or the project file is newer, so that a warm run pays one file comparison.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cronproof needs Python 3.11 or later; this is %d.%d (choose another with PYTHON=...)" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.browser: tests/report/browser.lock $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

%/node_modules/.ready: %/package-lock.json
	cd $* && $(NPM_CI)
	@touch $@

$(NEXTJS)/.next/.ready: $(NEXTJS)/node_modules/.ready $(shell find $(NEXTJS)/app $(NEXTJS)/lib -name '*.js') $(NEXTJS)/.env
	cd $(NEXTJS) && NEXT_TELEMETRY_DISABLED=1 npm run build
	@touch $@

$(FASTAPI)/.venv/.ready: $(FASTAPI)/requirements.lock
	$(PYTHON) -m venv $(FASTAPI)/.venv
	$(FASTAPI)/.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

lock: $(READY)  ## pin the newest versions that pyproject.toml allows, for every platform
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/pip install --quiet --disable-pip-version-check uv
	.venv/lock/bin/uv pip compile pyproject.toml --group dev $(PINNED) --output-file requirements.lock
	.venv/lock/bin/uv pip compile $(FASTAPI)/requirements.in $(PINNED) --output-file $(FASTAPI)/requirements.lock
	.venv/lock/bin/uv pip compile --group bench $(PINNED) --constraint requirements.lock --output-file bench/requirements.lock
	.venv/lock/bin/uv pip compile --group browser $(PINNED) --constraint requirements.lock --output-file tests/report/browser.lock

clean:  ## remove everything that the other commands have made
	rm -rf .venv reports .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf $(LITE)/node_modules $(FORMATS)/node_modules $(NODE_PG)/node_modules $(LIBRARIES)/node_modules $(NEXTJS)/node_modules $(NEXTJS)/.next $(FASTAPI)/.venv

bench: $(READY)  ## measure what things cost, each next to a baseline from the same run
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement bench/requirements.lock
	$(BIN)/python -m bench
