# Everything happens in .venv/ of this checkout. `make demo` and `make test` need only Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INPUT ?=

.PHONY: demo run test test-fast check docs bench clean

# The demo's environment has no torch: what a user of the CPU program gets.
$(VENV)/demo-ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[serve]'
	touch $@

$(VENV)/dev-ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/demo-ready

demo: $(VENV)/demo-ready
	$(BIN)/python -m emstream_cli.demo $(if $(INPUT),--input '$(INPUT)')

# The service, until Ctrl-C; it prints its URL.
run: $(VENV)/demo-ready
	$(BIN)/emstream serve

test: $(VENV)/dev-ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Without the tests marked `slow`, each with its reason; continuous integration runs them.
test-fast: $(VENV)/dev-ready
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

check: $(VENV)/dev-ready
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The manual, in site/; strict: a warning is an error. `python -m docs.generate` writes its generated pages again.
docs: $(VENV)/dev-ready
	$(BIN)/python -m mkdocs build --strict

bench: $(VENV)/dev-ready
	$(BIN)/emstream bench
	$(BIN)/python -m tests.benchmarks.scaling

clean:
	rm -rf $(VENV) demo build dist site
