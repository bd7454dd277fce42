# Every target first sets up what it needs in .venv: minutes the first time, seconds afterwards.
# Without make (Windows): py tools\setup.py lab, py tools\setup.py test.

# The Python that .venv is made with, 3.11 or newer: make lab PYTHON=python3.12
PYTHON ?= python3
# On Linux, an index with the processor build of torch saves several GB: make lab TORCH_INDEX=https://...
TORCH_INDEX ?=
# One lesson only: make test LESSON=00
LESSON ?=
# JupyterLab's port, and NO_BROWSER=1 to open no browser: make lab PORT=9000 NO_BROWSER=1
PORT ?= 8888
NO_BROWSER ?=
# More arguments for pytest or for a tool: make test ARGS="-k masking"
ARGS ?=

export TORCH_INDEX LESSON PORT NO_BROWSER
SETUP = $(PYTHON) tools/setup.py

.DEFAULT_GOAL := help
.PHONY: help lab doctor test compat sync execute pretrain bench mutants minilm

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

lab: ## open the course: your own copies of the lessons, in JupyterLab
	@$(SETUP) lab

doctor: ## what this machine has for the course, and what to do
	@$(SETUP) doctor

test: ## check everything, or one lesson: make test LESSON=00
	@$(SETUP) test $(ARGS)

compat: ## run every lesson as Colab would: its set-up cell, its package versions
	@$(SETUP) run tools/compat.py $(ARGS)

sync: ## write the library's source, set-up cells and badges into the lessons
	@$(SETUP) run tools/lessons.py sync $(ARGS)

execute: ## run the lessons and store them with fresh outputs
	@$(SETUP) run tools/lessons.py execute $(ARGS)

pretrain: ## train the course's three checkpoints again, about two hours on two cores
	@$(SETUP) run tools/pretrain_trio.py $(ARGS)

bench: ## measure the library against its peers, in one process
	@$(SETUP) run tools/bench.py $(ARGS)

mutants: ## break each exercise's solution in small ways; the checks must notice
	@$(SETUP) run tools/mutants.py $(ARGS)

minilm: ## install MiniLM's real weights (83 MB), which some lessons look into
	@$(SETUP) minilm
