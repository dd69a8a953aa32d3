# Two commands do all set-up: `make demo` and `make test`. Both make .venv if it is not there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo test check format slow docs wheel package clean

help:
	@echo "make demo    install and run quake predict on the record in examples/"
	@echo "make test    install with test dependencies and run the tests"
	@echo "make check   ruff and mypy, as CI runs them"
	@echo "make slow    the tests that take minutes"
	@echo "make format  let ruff format and sort"
	@echo "make docs    build the documentation into site/"
	@echo "make wheel   build the wheel and the sdist into dist/"
	@echo "make package build both, check them, and run the wheel in an environment of its own"

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# Stamps: installed again only when the project's files change.
$(VENV)/.installed: $(BIN)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/quake predict examples/BK.MHC.mseed --backbone b0 --format table

# Many tests wait for programs that they start; a file of tests stays on one process.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/site/generate_commands.py
	$(BIN)/python docs/site/generate_man.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

wheel: $(BIN)/uv
	$(BIN)/uv build --python $(BIN)/python

package: wheel $(VENV)/.installed-dev
	$(BIN)/twine check --strict dist/*
	rm -rf build/environment
	$(BIN)/uv venv --quiet --python $(BIN)/python build/environment
	$(BIN)/uv pip install --quiet --python build/environment/bin/python dist/*.whl
	build/environment/bin/quake predict examples/BK.MHC.mseed --backbone b0 --format csv
	build/environment/bin/quake doctor
	rm -rf build/environment

clean:
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
