# make demo   environment, then train on generated images and write a before / after picture
# make test   environment with test tools, then the whole suite
# make lint   linters, types, import directions, spelling
# make docs   the documentation, strictly

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# on Linux, pytest-xvfb draws windows into memory, on a screen for each process: on a shared one they
# would take each other's mouse and focus; make installs what that needs where it may
ifeq ($(shell uname),Linux)
NEEDS = screen
# a process for each core and one more, as windows wait now and then, with one thread each
PARALLEL = --numprocesses $$(($$(nproc) + 1)) --dist worksteal
export QT_QPA_PLATFORM = xcb
endif

.PHONY: demo test lint docs clean screen

demo: $(VENV)/.user
	$(BIN)/autostructn2v demo --output demo_results

test: screen $(VENV)/.developer
	$(if $(PARALLEL),OMP_NUM_THREADS=1) $(BIN)/python -m pytest $(PARALLEL)

lint: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/npe2 validate napari.yaml

docs: $(VENV)/.developer
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

screen:
ifdef NEEDS
	@PYTHON=$(PYTHON) .ci/system-packages $(NEEDS) $(if $(wildcard $(BIN)/pip),,venv)
endif

# an environment that could not be finished has a python, but no pip
$(VENV)/bin/pip:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.12')"
	@PYTHON=$(PYTHON) .ci/system-packages venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.user: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(PIP) -e ".[all]"
	touch $@

$(VENV)/.developer: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(PIP) -e ".[dev]"
	touch $@ $(VENV)/.user

clean:
	rm -rf $(VENV) site demo_results
