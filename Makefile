# Needs only make and Python 3.11 or newer; everything else lands in $(VENV). `make` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:  # two installs at once would fight over one environment
.PHONY: help demo test unit check fix bench system peers lock wheel clean

# A name on PATH is not proof: version managers leave shims that only complain, so each one is asked, once and only if needed.
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(eval PYTHON := $$(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$$$name" -c '$(RECENT)' >/dev/null 2>&1 && echo "$$$$name" && break; done))$(PYTHON)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ROOT := $(shell test "$$(id -u)" = 0 || echo sudo -n) env
APT := $(ROOT) DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
	-o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o DPkg::Lock::Timeout=120
AZURITE := 3.37.0
PACKAGES := chromium postgresql prometheus fonts-dejavu-core fonts-noto-color-emoji

ifneq ($(words $(VENV)),1)
$(error VENV '$(VENV)' holds a space, which make cannot follow; name a folder without one)
endif
ifneq ($(and $(wildcard $(VENV)/*),$(if $(wildcard $(VENV)/pyvenv.cfg),,stranger)),)
$(error VENV '$(VENV)' is in use and no Python environment; it would be emptied, so name another folder)
endif

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## run the bot against a local Slack in the browser, with sample bills
	$(BIN)/finops-bot demo $(ARGS)

test: system peers $(READY) ## run every test; what is skipped is listed with its reason
	$(BIN)/python -m pytest -n 2 $(ARGS)

unit: $(READY) ## run the tests that need no server or browser
	$(BIN)/python -m pytest -n 2 -m 'not browser and not postgres and not prometheus and not azurite' $(ARGS)

check: $(READY) ## check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 0 tests/architecture

fix: $(READY) ## repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure against named peers
	$(BIN)/python -m benchmarks $(ARGS)

system: ## install the Debian packages that tests with a browser or a server need
	@command -v apt-get >/dev/null 2>&1 || { \
		echo 'Without apt-get: tests that need Chromium, PostgreSQL or Prometheus are skipped unless you install these yourself.'; exit 0; }; \
	absent=; for package in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || absent="$$absent $$package"; done; \
	test -n "$$absent" || exit 0; \
	$(ROOT) true 2>/dev/null || { echo "Tests that need$$absent are skipped; to run them: sudo apt-get install$$absent"; exit 0; }; \
	echo "Installing$$absent"; $(APT) update >/dev/null; \
	for package in $$absent; do $(APT) install "$$package" >/dev/null \
		|| echo "$$package could not be installed; the tests that need it are skipped"; done

peers: .peers/node_modules/.bin/azurite-blob .peers/litellm/.ready ## install the servers that tests talk to: Azurite and LiteLLM

.peers/litellm/.ready: tests/gateway/litellm.txt $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .peers/litellm
	@$(BIN)/uv pip install --quiet --python .peers/litellm/bin/python --no-deps --require-hashes -r $< \
		&& touch $@ || echo 'LiteLLM could not be installed; the tests that need it are skipped.'

.peers/node_modules/.bin/azurite-blob:
	@command -v npm >/dev/null 2>&1 || { $(ROOT) true && $(APT) update && $(APT) install npm; } >/dev/null 2>&1 || true; \
	command -v npm >/dev/null 2>&1 || { echo 'Without npm: tests that need Azurite are skipped.'; exit 0; }; \
	npm install --prefix .peers --no-audit --no-fund --loglevel=error azurite@$(AZURITE) >/dev/null \
		|| echo 'Azurite could not be installed; the tests that need it are skipped.'

lock: $(READY) ## resolve pyproject.toml anew into constraints.txt (ARGS=--upgrade moves every version)
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra bench --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o constraints.txt $(ARGS)

wheel: $(READY) ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel -d dist

clean: ## remove everything made here except your data in .finops
	rm -rf '$(VENV)' .peers dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp comes last, so an interrupted installation is repeated; an environment whose Python has gone is made anew.
# Debian splits venv from Python: install that half if we may, else try virtualenv, else say what is missing.
$(READY): constraints.txt pyproject.toml
	@test -n '$(PYTHON)' && '$(PYTHON)' -c '$(RECENT)' 2>/dev/null || { \
		echo "$(if $(PYTHON),'$(PYTHON)' is not,Nothing on PATH is) Python 3.11 or newer; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo 'Preparing $(VENV) with $(PYTHON); the first time takes minutes.'
	@$(BIN)/python -c '$(RECENT)' 2>/dev/null && $(PIP) --version >/dev/null 2>&1 \
		|| '$(PYTHON)' -m venv --clear '$(VENV)' >/dev/null 2>&1 \
		|| { $(ROOT) true && $(APT) update && $(APT) install python3-venv \
			&& '$(PYTHON)' -m venv --clear '$(VENV)'; } >/dev/null 2>&1 \
		|| '$(PYTHON)' -m virtualenv --quiet --clear '$(VENV)' 2>/dev/null \
		|| { '$(PYTHON)' -m pip install --quiet --user virtualenv && '$(PYTHON)' -m virtualenv --quiet --clear '$(VENV)'; } 2>/dev/null \
		|| { echo "'$(PYTHON)' cannot make environments; install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PIP) install --require-hashes -r constraints.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
