# Two commands for everybody: `make demo` and `make test`. Each sets up what it needs by itself.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PLUGINS := $(wildcard plugins/jano-*)
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
PYTEST := .venv/bin/python -m pytest

# The newest Python from 3.11 to 3.14 that really starts (a version manager's shim may not) and
# that can make virtual environments. Another one: make test PYTHON=/path/to/python
usable = import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON = $(shell for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$python -c '$(usable)' 2>/dev/null && echo $$python && break; done)

.PHONY: help
help:
	@echo "make demo          a burst of six requests over two simulated models; one swap"
	@echo "make demo KEEP=1   the same, and Jano stays for you to look at"
	@echo "make test          every test this machine can run"
	@echo "make quick         the tests that need no sockets: seconds"
	@echo "make lint          formatting, lint, types, generated documentation"
	@echo "make docs          write the generated parts of the documentation anew"
	@echo "make bench         figures: Jano beside nginx, Go and a direct connection (and PEER=http://...),"
	@echo "                   the cost of a decision, what a crowd leaves behind; PIN=1: a processor each"

# --- what users run

.PHONY: demo
demo: .venv/installed
	@.venv/bin/jano demo $(if $(KEEP),--keep)

# Quick ones first, so that a mistake shows soon; then real sockets and processes; then real
# programs. What is missing on this machine is skipped with a line that says what to install.
.PHONY: test
test: .venv/installed-dev llama-server mlx-server
	$(PYTEST) -q -m "not wire and not real" $(ARGS)
	$(PYTEST) -q -m "wire and not real" $(ARGS)
	$(PYTEST) -q -m real $(ARGS)

# --- what contributors run as well

.PHONY: quick
quick: .venv/installed-dev
	$(PYTEST) -q -m "not wire and not real" $(ARGS)

.PHONY: lint
lint: .venv/installed-dev docs-check
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy jano_core $(wildcard plugins/*/jano_*)

.PHONY: docs docs-check
docs: .venv/installed-dev
	.venv/bin/python docs/generate.py
docs-check: .venv/installed-dev
	.venv/bin/python docs/generate.py --check

.PHONY: bench
bench: .venv/installed-dev
	.venv/bin/python -m bench.compare --rounds $(or $(ROUNDS),5) --write $(if $(PEER),--peer $(PEER)) $(if $(PIN),--pin)
	.venv/bin/python bench/decision.py
	.venv/bin/python -m bench.hangups

# A real llama-server for tests/real: found on PATH or built once per machine (tools/ says how).
# Without one those tests are skipped, so a failure here stops nothing.
.PHONY: llama-server
llama-server: .venv/installed-dev
	@PYTHON=.venv/bin/python tools/build_llama_server.sh >/dev/null \
		|| echo "no llama-server: the tests that need one will be skipped"

# Likewise a real mlx_lm.server, on the CPU where there is no Apple silicon.
.PHONY: mlx-server
mlx-server: .venv/installed-dev
	@PYTHON=.venv/bin/python tools/install_mlx_server.sh >/dev/null \
		|| echo "no mlx_lm.server: the tests that need one will be skipped"

.PHONY: clean
clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- set-up; the stamps make a second run immediate

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Jano needs Python 3.11, 3.12, 3.13 or 3.14 with its venv" \
		"module (Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }
	@echo "setting up .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --upgrade "pip>=25.1"

.venv/installed: .venv/bin/python $(PROJECTS)
	@echo "installing Jano and its plugins"
	@$(PIP) install -e '.[yaml]' $(PLUGINS:%=-e ./%)
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what the tests need"
	@$(PIP) install --group dev
	@touch $@
