# Everything here needs make and a Python from 3.11 on; the rest comes into .venv.
#
#   PYTHON=python3.13 make test     another Python, in a .venv-python3.13 of its own

PYTHON ?= python3
VENV := .venv$(patsubst %,-%,$(notdir $(filter-out python3,$(PYTHON))))
RUN := $(VENV)/bin/python

# Makes the virtual environment if it is missing or outdated, else returns at once.
SETUP := @sh .ci/venv "$(PYTHON)" "$(VENV)"

.PHONY: help test demo hosts homeassistant bench lint types clean
.NOTPARALLEL:

help:  ## say what there is to make
	@sed -n 's/^\([a-z]*\):  ## /make \1	/p' Makefile

test:  ## run the tests, and every example in the documentation
	$(SETUP) test
	@$(RUN) -m pytest $(ARGS)

demo:  ## upgrade a real package in a running program, refuse a broken upgrade, go back
	$(SETUP)
	@$(RUN) docs/demo/demo.py $(ARGS)

hosts:  ## try plugins on discord.py and Limnoria, and packages with hooks of their own, alone and with modreg
	$(SETUP) hosts
	@$(RUN) -m pytest hosts/test_discord.py hosts/test_limnoria.py hosts/test_neighbours.py -W default $(ARGS)

homeassistant:  ## the same with Home Assistant, which takes minutes to install
	@sh .ci/venv "$(PYTHON)" .venv-homeassistant homeassistant
	@.venv-homeassistant/bin/python -m pytest hosts/test_homeassistant.py -W default $(ARGS)

bench:  ## measure; the figures are in build/bench.json, and as a picture in build/bench.svg
	$(SETUP)
	@$(RUN) benchmarks/run.py --json build/bench.json --svg build/bench.svg $(ARGS)

lint:  ## check the style
	$(SETUP) lint
	@$(RUN) -m ruff check $(ARGS)

# Twice, since a type checker reads only the branch for the version that it is told.
types:  ## check the types, as Python 3.11 and 3.15 see them
	$(SETUP) typing
	@$(RUN) -m mypy $(ARGS)
	@$(RUN) -m mypy --python-version 3.15 --no-warn-unused-ignores $(ARGS)

clean:  ## remove what make and the tests have made
	rm -rf .venv .venv-* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
