# Fresh machine: `make demo` or `make test`. Both need Python 3.11 or newer, make and, for the lab, Linux.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS = [test]
STAMP := $(VENV)/.installed
TOOLS = lab

.PHONY: image demo test test-slow lint bench docs clean setup system wheelhouse

demo: setup  ## the main job: all scenarios through a real firewall, with a report
	$(BIN)/messenger-lab demo

test: setup  ## all tests but the slow ones; three at a time, because they wait more than they compute
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-slow: setup  ## what CI leaves out
	$(BIN)/python -m pytest -m slow

lint: setup  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## speed, printed beside a peer
	$(BIN)/python -m benchmarks

wheelhouse: setup  ## dist/wheelhouse: all that a machine without internet installs from; EXTRAS= leaves the tests out
	@sh docker/wheelhouse.sh $(BIN)/python dist/wheelhouse '$(EXTRAS)'

image:  ## the container image, by Docker or buildah; says why where it cannot be built
	@sh docker/build.sh

test test-slow bench: TOOLS = tests

setup: system $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

system:  ## tools that pip cannot install; says what is missing where it may not install
	@sh docker/system-tools.sh $(TOOLS)

clean:  ## everything that was made here; certificates stay
	rm -rf $(VENV) messenger-lab-report .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

docs: setup  ## refresh the tables in the README and the published schema
	$(BIN)/messenger-lab schema > docs/run.schema.json
	$(BIN)/python -c 'from pathlib import Path; from emulator.catalog import load; from emulator.derive.tables import refresh; page = Path("README.md"); page.write_text(refresh(page.read_text(), load()))'
