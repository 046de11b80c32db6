# Every target works alone, from a clean clone: `setup` runs first and does nothing when nothing changed.
# It needs python3 >= 3.11 with pip, git and make. UV_PYTHON chooses another interpreter (a path or a version).

PYTHON := .venv/bin/python
STACK := $(PYTHON) -m infra.local_stack
ARGS ?=
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup up down down-clean ps logs smoke migrate demo test faults test-unit test-integration playwright-install \
	playwright-test audit-screenshot docs schemathesis lint bench build baseline-snapshot reset-baseline

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile \
		| while IFS='|' read -r target what; do printf '  %-20s%s\n' "$$target" "$$what"; done

setup: ## install uv into .tools and the workspace into .venv, when something changed
	@scripts/bootstrap.sh

up: setup ## start PostgreSQL, the target and the server in the background
	@$(STACK) up

down: setup ## stop the stack, keep its data
	@$(STACK) down

down-clean: setup ## stop the stack and delete its data
	@$(STACK) down-clean

ps: setup ## show the parts of the stack and their state
	@$(STACK) ps

logs: setup ## show the last lines of every log
	@$(STACK) logs

smoke: setup ## ask the running target and server for their health
	@$(STACK) smoke

migrate: setup ## migrate the target's database, TARGET_DATABASE_URL or the stack's own
	@$(STACK) migrate

demo: setup ## from intent to clean, on real parts, in one go
	@$(PYTHON) -m scripts.demo

test: playwright-install ## all tests, by two workers (ARGS="-k name" for some, WORKERS=0 for one after the other)
	@$(PYTHON) -m pytest --numprocesses $(WORKERS) $(ARGS)

faults: setup ## break things for about an hour, and print what was tried (ARGS="-k kills" for some)
	@ATDM_FAULTS=long $(PYTHON) -m pytest tests/faults $(ARGS)

test-unit: setup ## tests that start no stack
	@$(PYTHON) -m pytest $(wildcard tests/unit tests/architecture tests/property) $(ARGS)

test-integration: playwright-install ## tests over HTTP and of the stack itself
	@$(PYTHON) -m pytest $(wildcard tests/surface tests/stack) $(ARGS)

playwright-install: setup ## install what the browser test needs: npm packages, and Chromium where we are root
	@$(PYTHON) -m scripts.playwright install

playwright-test: playwright-install ## a browser test in TypeScript, on data that ATDM made for it
	@$(PYTHON) -m scripts.playwright test

audit-screenshot: setup ## take docs/assets/audit.png, the picture of the README, in a Chromium
	@$(PYTHON) -m scripts.audit_screenshot

docs: setup ## build the documentation site into site/, readable without internet
	@.venv/bin/zensical build --clean --strict
	@echo "open $(CURDIR)/site/index.html"

baseline-snapshot: setup ## keep every table of the running target (ARGS="--baseline-id NAME" for a name)
	@.venv/bin/atdm baseline-snapshot $(ARGS)

reset-baseline: setup ## put every table back as the latest baseline has it (ARGS="--baseline-id NAME" for another)
	@.venv/bin/atdm baseline-restore $(ARGS)

schemathesis: setup ## 10,000 made-up requests against a server of its own, about five minutes (ARGS="--seed 2")
	@$(PYTHON) -m tests.schema.cases $(ARGS)

lint: setup ## style, types, import lines, pins
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet || { echo "error: run .venv/bin/ruff format"; exit 1; }
	@.venv/bin/basedpyright --level error
	@found=$$(.venv/bin/lint-imports --no-cache --no-logo) || { echo "$$found"; exit 1; }
	@$(PYTHON) scripts/pin.py --check

bench: setup ## measure: rows and requests per second
	@set -e; for script in tests/bench/bench_*.py; do $(PYTHON) -m tests.bench.$$(basename $$script .py); done

build: setup ## build every distribution into dist/
	@.tools/bin/uv build --all-packages --quiet --out-dir dist
	@ls dist
