# Two commands: `make demo` (sets up, runs the main job) and `make test` (sets up, runs gate and tests). Both use .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup
PIP := VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --constraint constraints.txt

.PHONY: demo test check fast slow notebook docs constraints clean

demo: $(READY)
	$(BIN)/cxr demo

test: check
	$(PYTEST) -m "not slow"

# the gate: layout, lint, types, which room may import which, what is public
check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_exported_members.py

# the tests that answer within a minute
fast: $(READY)
	$(PYTEST) -q -m "not slow and not medium"

slow: $(READY)
	$(PYTEST) -m slow

# JupyterLab on the lessons of nbs/
notebook: $(READY)
	$(PIP) --editable '.[notebook]'
	$(BIN)/jupyter lab nbs

# the site: lessons, guides and the reference made from the docstrings -> docs/_build/html/index.html
docs: $(READY)
	$(PIP) --editable '.[docs]'
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

$(READY): constraints.txt settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cxr_fastai needs Python 3.11 or newer; found $$($(PYTHON) --version). Name another: make PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(PIP) --editable '.[dev]'
	@touch $(READY)

# every dependency of settings.ini, pinned for Python 3.11 and newer on Linux and macOS; no host names. What is pinned stays, unless UPGRADE=--upgrade
constraints: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra docs --extra notebook --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links $(UPGRADE) setup.py --output-file constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info demo docs/_build docs/_made
