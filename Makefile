# Each target sets up what it needs on a fresh machine: Python 3.11 to 3.13 and make are enough.
# PYTHON chooses the interpreter, VENV the place of the environment. A candidate counts only if it runs: version managers
# leave commands on the PATH that only say that the version is not there.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test check lint bench papers clean

demo: $(READY)
	$(BIN)/nmt run demo

# Two at a time, each file in one process: what the tests of a file share is made once.
test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

check: lint test

bench: $(READY)
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/nmt run multi30k-en-de
	$(BIN)/python benchmarks/decoding_speed.py work/runs/multi30k-en-de/bundle \
	  multi30k/test_2016_flickr:en multi30k/test_2016_flickr:de

# Some minutes and about an hour on two cores; what has been run before is not run again.
papers: $(READY)
	$(BIN)/nmt papers sutskever-2014 --seeds 3
	$(BIN)/nmt papers luong-2015 --seeds 2

$(READY): pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' 2>/dev/null \
	  || { echo "Python 3.11 to 3.13 is needed; choose one with: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]" --constraint constraints.txt
	touch $(READY)

clean:
	rm -rf $(VENV) dist
