# make demo    install what a user needs; write, translate and score by the shipped models
# make test    install what a developer needs; lint, types, tests in two processes (or WORKERS=8)
# make bench   print the figures of tests/benchmarks/, each with how it was made
# make docs    build docs/_build/html

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# bench_translating.py is not among them: it takes a text and its translations.
BENCHES := training generation pool forever scoring cells translation_training

.PHONY: demo test bench docs help-page
.DELETE_ON_ERROR:

demo: .make/user
	$(BIN)/textrnn doctor
	$(BIN)/textrnn generate --prompt "Once upon a time" --max-new-tokens 120 --seed 1
	$(BIN)/textrnn translate "Where is the station?"
	$(BIN)/textrnn sentiment "A joy from start to finish."
	$(BIN)/textrnn score "The king rode out of the castle with his three sons."

test: .make/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

bench: .make/dev
	for bench in $(BENCHES); do $(BIN)/python tests/benchmarks/bench_$$bench.py || exit 1; done

docs: .make/docs help-page
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html

help-page: .make/user
	$(BIN)/python docs/write_help.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

.make/user: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@mkdir -p .make && touch $@

.make/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@mkdir -p .make && touch $@ .make/user

.make/docs: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[docs]'
	@mkdir -p .make && touch $@ .make/user
