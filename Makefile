# SPDX-License-Identifier: Apache-2.0
# Everything runs through scripts/run.py, which sets up a virtual environment outside the clone on first use.
PYTHON ?= python3
RUN := $(PYTHON) scripts/run.py
ARGS ?=
# Test files at once. Tests of the host programs mostly wait, so two keep two cores busy.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench figures soak plugins clean purge

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: ## render photographs in the shipped styles into out/demo/
	$(RUN) -m scumble demo -o out/demo $(ARGS)

test: ## run the tests (ARGS="tests/client -k wire" for some of them)
	$(RUN) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: ## check formatting, lint and types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: ## format, and mend what lint can mend itself
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: ## measure; writes out/bench.json (ARGS=engine for one)
	$(RUN) -m benchmarks $(ARGS)

figures: ## measure the methods against each other; writes docs/comparison.md (ARGS=memory for one)
	$(RUN) -m benchmarks.comparison $(ARGS)

soak: ## fuzz, kill, crowd and tire an engine; writes docs/reliability.md (ARGS="--minutes 120" for hours)
	$(RUN) -m benchmarks.soak $(ARGS)

plugins: ## pack the release archives of the plug-ins into dist/
	$(RUN) -m scumble.install dist

clean: ## remove what was built in the clone
	rm -rf out build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache engine/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	$(RUN) --clean

purge: clean ## also remove the virtual environments (of every clone)
	$(RUN) --purge
