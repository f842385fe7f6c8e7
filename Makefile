PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo docs test style backends clean

help: ## show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(BIN)/convmap: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[check]"
	@touch $@

$(VENV)/.test: pyproject.toml $(BIN)/convmap
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[test]"
	@touch $@

demo: $(BIN)/convmap ## port a DCGAN to MindSpore: the diff, the report, what is proven
	$(BIN)/convmap port examples/dcgan.py --to mindspore --diff

docs: $(VENV)/.test ## build the site of API differences in site/
	$(BIN)/convmap docs build

backends: $(BIN)/convmap ## install the three frameworks, each in an environment of its own
	$(BIN)/convmap backends install torch mindspore megengine

test: $(VENV)/.test backends ## run every test, in the real frameworks too
	$(BIN)/convmap backends
	$(BIN)/ruff check -q convmap tests
	$(BIN)/mypy
	$(BIN)/python -m pytest

style: $(VENV)/.test ## format, lint and type-check
	$(BIN)/ruff format convmap tests
	$(BIN)/ruff check --fix convmap tests
	$(BIN)/mypy

clean: ## remove the environment of this checkout
	rm -rf $(VENV)
