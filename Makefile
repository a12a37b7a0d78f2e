# Needs Python 3.11 or newer with pip and venv, make and git.
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint types layers unit fuzz clean

demo: .venv/installed-demo ## Upscale a photograph and set the results side by side.
	$(BIN)/python examples/demo.py

test: lint types layers unit ## Everything that must hold before a change is taken.

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

layers: .venv/installed-dev
	$(BIN)/lint-imports

unit: .venv/installed-dev
	$(BIN)/python -m pytest

fuzz: .venv/installed-dev ## Damaged files by the hundred thousand; another seed every day.
	$(BIN)/python tests/image/fuzz.py --count 100000 --seed $$(date +%j)

# What a demo needs: no torch. The package is linked, not copied, so that the sources are what runs.
.venv/installed-demo: pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[eval]'
	touch $@

# This brings all that a demo needs too.
.venv/installed-dev: pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	touch $@ .venv/installed-demo

$(BIN)/python:
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
