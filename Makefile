# make run: everything from nothing to a trained model. make test: everything from nothing to a green suite.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NEXT := $(VENV)-next

.PHONY: run test test-slow test-next bench check docs pictures format clean help

help:           ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

run: $(VENV)/run.stamp          ## install, then train the default run on the embedded data
	$(BIN)/sweepboard

test: $(VENV)/dev.stamp         ## install, then the tests on all cores (a few minutes)
	$(BIN)/python -m pytest -m "not slow" -n logical --maxprocesses=8

test-slow: $(VENV)/dev.stamp    ## the slow proofs: kills, browsers, full data sets
	$(BIN)/python -m pytest -m slow -n logical --maxprocesses=8

test-next: $(NEXT)/next.stamp   ## the tests of composing and sweeping, on Hydra 1.4
	$(NEXT)/bin/python -m pytest -m "not slow" tests/compose tests/building tests/cli tests/sweeps

bench: $(VENV)/dev.stamp        ## measure against other tools: all rows, or ROW="help cnn"
	$(BIN)/python -m benchmarks --save $(ROW)

check: $(VENV)/dev.stamp        ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/dev.stamp         ## the documentation site, in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pictures: $(VENV)/dev.stamp     ## the pictures in docs/pictures, from real runs; needs Chromium
	$(BIN)/python -m tests.pictures

format: $(VENV)/dev.stamp       ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:          ## forget the environment and every cache; runs stay
	rm -rf $(VENV) $(NEXT) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'  # the first that knows dependency groups
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev 'hydra-core<1.4'  # test-next: 1.4
	touch $@ $(VENV)/run.stamp

# Hard links, so that torch is not installed again: pip removes a file before it writes another in its place.
$(NEXT)/next.stamp: $(VENV)/dev.stamp requirements-next.txt
	rm -rf $(NEXT)
	cp -al $(VENV) $(NEXT)
	$(NEXT)/bin/python -m pip install --quiet --requirement requirements-next.txt --editable .
	touch $@
