# Each target does all of its own set-up: `make test` and `make demo` work in a fresh clone on a
# machine that has Python 3.11 or later and nothing else. Stamp files make second runs quick.
#
#   make demo [DATA=path] [OUT=dir]    StefaLand and its comparators under LeaveRegionOut
#   make test [ARGS="-k panel"]        the whole suite, doctests included
#   make lint | format | docs | examples | bench | clean

PYTHON ?= python3
VENV ?= .venv
# The version is pinned so that a demo or a test run means the same everywhere.
TORCH ?= torch==2.13.0
JOBS ?= 2
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
OUT ?= demo-out

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

# Spinning OpenMP threads on a busy machine make a training step tens of times slower, so threads
# are counted here and wait passively. Test workers, figures and builds take one thread each.
export OMP_WAIT_POLICY := PASSIVE
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export NUMEXPR_NUM_THREADS := 1
export MPLBACKEND := Agg
demo bench: export OMP_NUM_THREADS := $(CORES)
demo bench: export MKL_NUM_THREADS := $(CORES)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs examples bench clean

help:
	@sed -n '4,6s/^# *//p' Makefile

# One stamp per set of extras: `.ready-test` means that the extra `test` is installed.
$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; \
	  sys.exit(sys.version_info < (3, 11) and f"stefaland-sk needs Python 3.11 or later; $(PYTHON) is {v}. Use `make ... PYTHON=python3.12`.")'
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing $(TORCH)"
	@$(PIP) $(TORCH)
	@touch $@

EXTRAS_demo := data,plots
EXTRAS_bench := data,zarr
EXTRAS_test := test
EXTRAS_docs := docs,data

$(VENV)/.ready-%: $(VENV)/.torch pyproject.toml
	@echo "installing stefaland-sk[$(EXTRAS_$*)]"
	@$(PIP) -e '.[$(EXTRAS_$*)]'
	@touch $@

demo: $(VENV)/.ready-demo
	$(BIN)/python -m stefaland_sk demo $(if $(DATA),--data '$(DATA)') --out '$(OUT)'

test: $(VENV)/.ready-test
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(VENV)/.ready-test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(VENV)/.ready-test
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

docs: $(VENV)/.ready-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

examples: $(VENV)/.ready-demo
	@set -e; for file in examples/plot_*.py; do echo "$$file"; $(BIN)/python "$$file"; done

# What needs the development data, or hours, is started by hand.
BENCHMARKS := benchmarks/panel_cross_validate.py benchmarks/pretraining.py

bench: $(VENV)/.ready-bench
	@set -e; for file in $(BENCHMARKS); do echo "$$file"; $(BIN)/python "$$file"; done

clean:
	rm -rf docs/_build docs/auto_examples docs/api/generated build dist .pytest_cache .ruff_cache
