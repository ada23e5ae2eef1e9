.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo test test-slow soak audit lint format bench gpu docs clean

help:  ## show this list
	@grep -hE "^[a-z-]+:.*## " $(MAKEFILE_LIST) | awk -F ":.*## " '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed  ## make .venv and install the package into it

demo: install  ## train on synthetic shapes, print the COCO table, write images (minutes)
	$(BIN)/python tools/train.py configs/shapes.yaml

test: $(VENV)/.dev lint  ## lint, then all fast tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not gpu"

test-slow: $(VENV)/.dev  ## the tests that train for minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow and not gpu"

soak: $(VENV)/.dev  ## kill one training 30 times and compare its end with an undisturbed one (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python tests/soak.py kills=30

audit: $(VENV)/.dev  ## look the pinned versions up in the database of known vulnerabilities (needs the internet)
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

lint: $(VENV)/.dev  ## check style, formatting, types and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

bench: install  ## time every stage beside a plain formulation and its floor (minutes)
	$(BIN)/python -m benchmarks.stages

gpu: $(VENV)/.dev  ## the tests that need a GPU, then 200 steps in several ways: one page, gpu.md
	$(BIN)/python -m benchmarks.gpu

docs: $(VENV)/.docs  ## build the documentation into site/, where every warning is an error
	$(BIN)/mkdocs build --strict --quiet

format: $(VENV)/.dev  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what was built, but neither .venv nor runs/
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.py constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: setup.py constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed

$(VENV)/.docs: setup.py constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@ $(VENV)/.installed
