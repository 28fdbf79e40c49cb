# Set-up, demo and checks. `make help` lists them. Everything is installed inside this folder, and the
# browser, fonts and servers by the system's packages when run as root.

# The first Python that is new enough; `make PYTHON=/path/to/python3 …` names another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	command -v $$p >/dev/null 2>&1 && $$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
BOOTSTRAP = $(if $(PYTHON),$(PYTHON) scripts/bootstrap.py,\
	$(error no Python 3.11 or newer was found; install one, or name it with make PYTHON=/path/to/python3))
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: demo test bench lint checks setup clean help

demo:  ## the main job on the sample platform, from nomination sheet to ranking
	@$(BOOTSTRAP) --for demo
	@$(BIN)/python scripts/demo.py

test:  ## checks and all tests
	@$(BOOTSTRAP) --for test
	@$(MAKE) --no-print-directory checks
	$(BIN)/pytest

bench:  ## benchmarks side by side with peers
	@$(BOOTSTRAP) --for demo
	@$(BIN)/python bench/run.py

lint:  ## ruff, mypy, import-linter
	@$(BOOTSTRAP) --for lint
	@$(MAKE) --no-print-directory checks

checks:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

setup:  ## install what demo and tests need, and nothing else
	@$(BOOTSTRAP) --for test

clean:  ## remove what set-up installed and what tools keep; data under var/ stays, but for the demo's
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var/demo

help:
	@sed -n 's/^\([a-z]*\):  ## /make \1	/p' $(MAKEFILE_LIST) | expand -t 14
