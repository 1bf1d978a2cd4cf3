# make demo   set everything up and run the main job
# make test   set everything up and run the tests; make fast leaves out the mutants
# make check  all that must hold before a change lands
# make setup  only install
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# tests on all cores, those of a file mostly in one process, which makes its fixtures once
PARALLEL := -n auto --maxprocesses 8 --dist worksteal

.PHONY: setup demo test fast check format lint types layers doctest clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: setup
	$(BIN)/strongltn demo --out demo

test: setup
	$(BIN)/pytest -q $(PARALLEL)

fast: setup
	$(BIN)/pytest -q $(PARALLEL) -m 'not slow'

check: format lint types layers test doctest

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/pytest -q -m 'not slow' tests/repo

doctest: setup
	$(BIN)/pytest -q --doctest-modules --ignore-glob='*/gpu/triton_*.py' strongltn proofs_check

clean:
	rm -rf $(VENV) demo build *.egg-info
