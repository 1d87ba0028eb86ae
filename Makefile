# Every task of the project. `make` alone lists them; long steps live in Python (`wwi --help`).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# each worker has its own Postgres and emulator (about 2 GB); three keep two cores busy, because workers often wait
WORKERS ?= 3
# these variables could load modules of another project; `wwi` also removes them (wwi_command.py)
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS PYTHONDEVMODE PYTHONOPTIMIZE PYTHONINSPECT
BIN := .venv/bin
INSTALLED := .venv/.installed
SQLFLUFF := PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --processes 2 --disable-progress-bar

help: ## Show every target and what it does
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: setup ## Set up and run the demo: simulate, load, build, test and reconcile
	@$(BIN)/wwi demo

test: setup lint ## Set up and run every check and test
	@$(BIN)/pytest -n $(WORKERS) $(TESTS)

setup: $(INSTALLED) deps ## Create .venv with the pinned dependencies

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + ": choose another one with `make PYTHON=python3.12 ...`")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned dependencies into .venv (about 1 GB, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

deps: $(INSTALLED) ## Install the dbt packages from the hub, or the offline stand-ins if it cannot be reached
	@$(BIN)/python -m transform.packages

generate: setup ## Write the staging and raw-vault models, the Holistics models, and the pages of docs/
	@$(BIN)/python -m metadata.codegen
	@$(BIN)/python -m cli.reference.types
	@$(BIN)/python -m cli.reference
	@$(MAKE) --no-print-directory .lint-generated

lint: setup ## Check style, types, layers, SQL style, and that generated files are current
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target .lint-types .lint-rest .lint-sql

# run in parallel to keep two cores busy: the type check is one process, sqlfluff starts two
.lint-types:
	@$(BIN)/mypy
.lint-rest:
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m metadata.codegen --check
	@$(BIN)/python -m cli.reference --check
	@$(BIN)/python -m tests.checkout.words
.lint-generated: # `make lint` checks that the generated models are current, `make generate` their style
	@$(SQLFLUFF) vault/models/staging vault/models/raw_vault
.lint-sql:
	@$(SQLFLUFF) vault/models/business_vault vault/models/marts vault/tests

fix: setup ## Fix style problems automatically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --force --disable-progress-bar vault/models/business_vault vault/models/marts vault/tests

start: setup ## Start the local source and the local warehouse, without Docker
	@$(BIN)/wwi source up
	@$(BIN)/wwi warehouse up

dashboard: setup ## Write the dashboard, one HTML page that needs no network, and print its path
	@$(BIN)/wwi dashboard

docs: setup ## Write dbt's documentation of the vault, one HTML page that needs no network, and print its path
	@$(BIN)/wwi docs

stop: setup ## Stop the local source and warehouse; their data is kept
	@$(BIN)/wwi source down
	@$(BIN)/wwi warehouse down

serve: setup ## Run the deployments of prefect.yaml on their schedules, without Docker, until Ctrl-C
	@$(BIN)/wwi serve

# in this folder Compose finds compose.yml, compose.override.yml (your own settings) and .env
COMPOSE := cd docker && docker compose
# the user of Postgres must read this folder, whatever the umask of the checkout
READABLE := chmod -R a+rX docker/postgres

compose:
	@docker compose version >/dev/null 2>&1 || { echo "Docker's compose plugin is missing: install it, or use \`make start\`, which needs no Docker." >&2; exit 1; }

up: compose docker/.env ## Docker: build and start Postgres, the emulator, Prefect and a worker
	@$(READABLE)
	@$(COMPOSE) up --build --detach --wait
	@echo "Prefect: http://$$($(COMPOSE) port prefect 4200). To simulate 30 days: $(COMPOSE) run --rm simulate --days 30"

down: compose docker/.env ## Docker: stop the services; their data is kept in volumes
	@$(COMPOSE) down

docker-trial: ## Docker: try all of it with data of its own: build, load, restart, upgrade (10 to 30 minutes)
	@$(READABLE)
	@$(PYTHON) -u docker/trial.py

docker/.env: # passwords of the services; created once, because the data volumes keep them
	@umask 077; for name in ADMIN_PASSWORD READER_PASSWORD; do \
		echo "$$name=$$(LC_ALL=C tr -dc a-zA-Z0-9 < /dev/urandom | head -c 32)"; done > $@

build: setup ## Build and test staging to marts with dbt
	@$(BIN)/wwi build

proofs: setup ## Run the slow proofs that `make test` leaves out
	@$(MAKE) --no-print-directory .lint-generated
	@$(BIN)/pytest -n $(WORKERS) -m proof $(TESTS)

year: setup ## Load a year of business in twelve batches and compare it row by row (7 minutes)
	@$(BIN)/pytest tests/acceptance -m year

tutorial: setup ## Run the tutorial's commands and compare their output with the page (4 minutes)
	@$(BIN)/pytest tests/docs -m tutorial

history: setup ## Run the history suite and write its page (WWI_DBT_PACKAGES=DIR: compare with AutomateDV)
	@WWI_HISTORY_PAGE=docs/history_suite.md WWI_HISTORY_ORDERS=$${WWI_HISTORY_ORDERS:-6} $(BIN)/pytest tests/history -m ''

chaos: setup ## Inject 50 failures into runs, source and warehouse, and compare all tables (30 minutes)
	@$(BIN)/pytest tests/chaos -m chaos -s

bench: setup .venv-bench/.installed ## Measure readers of Postgres, memory and the daily load (PARTS=readers: one part)
	@$(BIN)/python -m tests.bench $(PARTS)

.venv-bench/.installed: requirements-bench.txt
	@echo "Installing the readers that the benchmark compares into .venv-bench ..."
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@$(BIN)/uv pip install --quiet --python .venv-bench/bin/python --requirement requirements-bench.txt
	@touch $@

pin: $(INSTALLED) ## Compile requirements.txt and requirements-bench.txt again from their .in files
	@$(BIN)/uv pip compile requirements-dev.in --universal --python-version 3.11 --no-header --no-emit-index-url --quiet --upgrade --output-file requirements.txt
	@$(BIN)/uv pip compile requirements-bench.in --universal --python-version 3.11 --no-header --no-emit-index-url --quiet --upgrade --output-file requirements-bench.txt

clean: ## Stop the local services and delete their data, the environment and all build output
	@test ! -x $(BIN)/wwi || { $(BIN)/wwi source down; $(BIN)/wwi warehouse down; }
	@rm -rf .venv .venv-bench .wwi vault/target vault/logs vault/dbt_packages .mypy_cache .ruff_cache .pytest_cache

.PHONY: help demo test setup deps generate lint .lint-types .lint-rest .lint-sql .lint-generated fix start stop serve compose up down docker-trial build dashboard docs proofs year tutorial history chaos bench pin clean
