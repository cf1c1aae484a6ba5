# All that a machine needs is Python 3.11 or later and make: `make demo` builds a dataset of the recordings shipped
# with the project, `make test` checks everything. Both install into .venv, once.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --constraint constraints.txt --build-constraint constraints.txt

.PHONY: help demo test test-train test-memory test-players wheel clean

help:
	@echo "make demo   build a dataset of the recordings shipped with the project, and show it"
	@echo "make test   lint, check types and run all tests"
	@echo "make test-train   train a tiny model on the shipped recordings (installs PyTorch)"
	@echo "make test-memory  compare 200,000 changed pages under the address and undefined-behaviour sanitizers"
	@echo "make test-players  compare rebuilt pages with those of the recorders' own players (npm, Chromium)"
	@echo "make wheel  build a wheel with the compiled engine, into dist/"
	@echo "make clean  remove what these have made"

demo: $(VENV)/installed-demo
	rm -rf demo-out
	$(BIN)/stepmill build tests/recordings/data --out demo-out
	$(BIN)/stepmill inspect demo-out
	@echo
	@echo "The dataset is in demo-out/dataset; its card is demo-out/dataset/README.md. What to do next:"
	@echo "  $(BIN)/python -c \"import datasets; print(datasets.load_dataset('demo-out/dataset'))\""
	@echo "  $(BIN)/stepmill inspect demo-out sample ID   one sample as a model sees it"
	@echo "  $(BIN)/stepmill build YOUR_RECORDINGS --out OUT   your own; formats: $(BIN)/stepmill formats"

test: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/bench
	$(BIN)/python -m pytest $(PYTEST_ARGS) --ignore=tests/bench --ignore=tests/train --numprocesses 2 --dist loadfile

test-train: $(VENV)/installed-train
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/train

# The engine is compiled anew with the sanitizers, into a folder of its own; a report ends the run. Python's own memory
# stays in use until it ends, so leaks are not looked for.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g
SANITIZED := $(VENV)/sanitized
MEMORY_PAGES ?= 200000

test-memory: $(VENV)/installed-test
	@rm -rf $(SANITIZED)
	CFLAGS="$(SANITIZE)" CXXFLAGS="$(SANITIZE)" LDFLAGS="$(SANITIZE)" $(INSTALL) --no-deps --target $(SANITIZED) .
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libstdc++.so)" PYTHONMALLOC=malloc \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=$(SANITIZED):. \
	  $(BIN)/python -P -m tests.pages.memory_safety --pages $(MEMORY_PAGES)

# rrweb's player comes from npm, into a folder that is removed afterwards; Playwright has its trace viewer with it.
CHROMIUM ?= /usr/bin/chromium

test-players: $(VENV)/installed-test
	PYTHONPATH=tests/recordings $(BIN)/python -m tests.players.rrweb_pages
	$(BIN)/python tests/recordings/compare_viewer.py --chromium $(CHROMIUM) $(TRACES)

wheel: $(VENV)/created
	$(PIP) wheel --constraint constraints.txt --build-constraint constraints.txt --no-deps --wheel-dir dist .
	@ls dist

# what an installation is made of, and what it compiles
PARTS := pyproject.toml constraints.txt hatch_build.py $(wildcard etl/pages/compiled/*.p[yx][xi])

$(VENV)/installed-demo: $(VENV)/created $(PARTS)
	@echo "installing stepmill into $(VENV)"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/created $(PARTS)
	@echo "installing stepmill and what its tests need into $(VENV)"
	@$(INSTALL) --editable '.[test]'
	@touch $(VENV)/installed-demo $@

$(VENV)/installed-train: $(VENV)/installed-test
	@echo "installing what training needs into $(VENV)"
	@$(INSTALL) --editable '.[test,train]'
	@touch $@

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "stepmill needs Python 3.11 or later; name one: make PYTHON=python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv and pip; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt pip
	@touch $@

clean:
	rm -rf $(VENV) demo-out build dist .mypy_cache .pytest_cache .ruff_cache
