# make demo   set everything up and run the main job
# make test   set everything up and run the tests; make fast leaves out what is slow
# make check  all that must hold before a change lands
# make docs   set everything up and build the pages into docs/_build/html
# make setup  only install
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.docs-installed
# tests on all cores, those of a file mostly in one process, which makes its fixtures once
PARALLEL := -n auto --maxprocesses 8 --dist worksteal

.PHONY: setup demo test fast check format lint types layers docs doctest clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

$(DOCS_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $(DOCS_STAMP)

demo: setup
	$(BIN)/strongltn demo --out demo

test: setup
	$(BIN)/pytest -q $(PARALLEL)

fast: setup
	$(BIN)/pytest -q $(PARALLEL) -m 'not slow'

check: format lint types docs test doctest

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/pytest -q -m 'not slow' tests/repo

# everything is read anew: docstrings of other rooms stand on many pages
docs: $(DOCS_STAMP)
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning -d docs/_build/doctrees docs docs/_build/html

doctest: setup
	$(BIN)/pytest -q --doctest-modules --ignore-glob='*/gpu/triton_*.py' strongltn proofs_check

clean:
	rm -rf $(VENV) demo build docs/_build *.egg-info
