# Two commands: `make demo` (sets up, runs the main job) and `make test` (sets up, runs the tests). Both use .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test slow constraints clean

demo: $(READY)
	$(BIN)/cxr demo

test: $(READY)
	$(BIN)/python -m pytest -m "not slow"

slow: $(READY)
	$(BIN)/python -m pytest -m slow

$(READY): constraints.txt settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "cxr_fastai needs Python 3.10 or newer; found $$($(PYTHON) --version). Name another: make PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

# every dependency of settings.ini, pinned for Python 3.10 and newer on Linux and macOS; no host names
constraints: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --extra dev --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --upgrade setup.py --output-file constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info demo
