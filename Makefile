# Works in .venv, which it creates: nothing need be installed but Python 3.11 or newer.
# `make` alone lists the targets. PYTHON=... chooses the interpreter, ARGS='...' adds arguments.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help train ui test check benchmark lock clean

python := .venv/bin/python
pip := $(python) -m pip --disable-pip-version-check
public_index := https://pypi.org/simple

# Rooms whose kernels also run as plain Python, which shows what compiled code would hide:
# an index out of range, a line that no test reaches.
uncompiled_tests := tests/jit tests/losses tests/kernels tests/corpus
# Processes of pytest, each with some of the files: much of the time goes into waiting.
side_by_side := -n auto --maxprocesses 4 --dist loadfile

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 \2/p' Makefile | \
	while read -r make target text; do printf 'make %-10s %s\n' "$$target" "$$text"; done

train: .venv/installed  ## train on the default text, or as ARGS='KEY=VALUE ...' says
	.venv/bin/nw2v train $(ARGS)

ui: .venv/installed  ## open MLflow's pages on the runs (ARGS='--port N')
	.venv/bin/nw2v ui $(ARGS)

test: .venv/installed-dev  ## run the tests, then the kernels' tests uncompiled (ARGS: one pytest run)
ifeq ($(strip $(ARGS)),)
	$(python) -m pytest $(side_by_side)
	NUMBA_DISABLE_JIT=1 $(python) -m pytest -q $(side_by_side) $(uncompiled_tests)
else
	$(python) -m pytest $(ARGS)
endif

check: .venv/installed-dev  ## lint, formatting and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	$(python) -m mypy

benchmark: .venv/installed-dev  ## time and score nw2v against its peers (ARGS='--corpus FILE ...')
	$(python) benchmarks/against_peers.py $(ARGS)

lock: .venv/created  ## resolve the versions again (ARGS=--upgrade: the newest)
	$(pip) install --quiet uv
	env -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
	  .venv/bin/uv lock --default-index $(public_index) $(ARGS)
	printf '%s\n' '# Exact versions of all that nw2v and its extras need, for every platform and Python that it' \
	  '# runs on: pip install -c constraints.txt nw2v. Generated from uv.lock by `make lock`.' \
	  > constraints.txt.new
	.venv/bin/uv export --frozen --all-extras --no-emit-project --no-hashes --no-annotate --no-header \
	  --format requirements.txt >> constraints.txt.new
	@if grep -noE '(https?|file)://[^/"]*' uv.lock constraints.txt.new | \
	  grep -vE '://(pypi\.org|files\.pythonhosted\.org)$$'; \
	then echo 'make lock: the lines above name another package index: look for its setting' >&2; exit 1; fi
	mv constraints.txt.new constraints.txt

clean:  ## remove .venv, caches and built packages; runs (outputs/, mlflow.db) stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist constraints.txt.new
	find nw2v tests benchmarks experiments -name __pycache__ -type d -prune -exec rm -rf {} +

# What running needs. Stamps: the second call finds everything done and starts at once.
.venv/installed: .venv/created pyproject.toml constraints.txt
	@echo 'Installing nw2v and the packages it runs on into .venv (one to three minutes) ...'
	$(pip) install -qq -c constraints.txt -e .
	@touch $@

# What developing needs, which holds what running needs.
.venv/installed-dev: .venv/created pyproject.toml constraints.txt
	@echo 'Installing nw2v and the packages to develop it with into .venv (one to three minutes) ...'
	$(pip) install -qq -c constraints.txt -e '.[dev]'
	@touch .venv/installed $@

.venv/created:
	@if $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  $(pip) --version >/dev/null 2>&1 || $(python) -m ensurepip; \
	  touch $@; exit; \
	fi; \
	unfit=; \
	if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
	else set -- python3 python3.14 python3.13 python3.12 python3.11; fi; \
	for candidate do \
	  version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
	    || { [ -z "$$PYTHON" ] || unfit="; $$PYTHON is not a Python"; continue; }; \
	  case $$version in \
	    2.*|3.[0-9]|3.10) unfit="$$unfit; $$candidate is Python $$version"; continue;; \
	  esac; \
	  if ! "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then \
	    unfit="$$unfit; $$candidate (Python $$version) lacks venv: Debian and Ubuntu have it in python$$version-venv"; \
	    continue; \
	  fi; \
	  echo "Creating .venv with Python $$version ($$candidate) ..."; \
	  "$$candidate" -m venv --clear .venv && touch $@; exit; \
	done; \
	echo "nw2v needs Python 3.11 or newer, with venv: none found$$unfit. Name one: make PYTHON=/path/to/python" >&2; \
	exit 1
