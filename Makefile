# `make` lists the targets. The first one to need it makes $(VENV); pins are in constraints.txt.
VENV ?= .venv
SPARK41 := .venv-spark41
BIN := $(VENV)/bin
SETUP := pyproject.toml constraints.txt scripts/setup.sh

.DEFAULT_GOAL := help
.PHONY: help run live s3-extras test test-all test-spark41 lint bench bundle infra infra-test infra-check \
	conformance format landing-function api-function build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.ready ## land a dirty sample, run the flights product on it, write its report
	@$(BIN)/medallion sample land .medallion/landing --dirty
	@$(BIN)/medallion run --report

live: $(VENV)/.ready ## flight events through a local Kinesis, and files, to gold, until Ctrl-C (needs node)
	@$(BIN)/python live/live.py

s3-extras: $(VENV)/.ready ## the jars that read a landing zone on S3 (s3a://), 690 MB
	@$(BIN)/medallion setup --s3

# On Spark Connect both workers share one server: one JVM warms up, where classic Spark needs two.
test: $(VENV)/.ready ## the suite on Spark Connect, then what touches the engine again on classic Spark
	$(BIN)/python -m pytest -n 2 --dist worksteal --spark-connect -m "not slow"
	$(BIN)/python -m pytest -m "engine and not slow"

test-all: $(VENV)/.ready ## the suite with its slow tests, on both
	$(BIN)/python -m pytest -n 2 --dist worksteal --spark-connect
	$(BIN)/python -m pytest -n 2 --dist worksteal -m engine

test-spark41: $(SPARK41)/.ready ## the suite on Spark 4.1, as Databricks Runtime 18 LTS has it
	$(SPARK41)/bin/python -m pytest -n 2 --dist worksteal --spark-connect -m "not slow"
	$(SPARK41)/bin/python -m pytest -m "engine and not slow"

lint: $(VENV)/.ready ## ruff, mypy and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready ## how fast it is on this machine, and beside PySpark written by hand
	$(BIN)/python benchmarks/flights_run.py
	$(BIN)/python benchmarks/conform.py
	$(BIN)/python benchmarks/gold_refresh.py
	$(BIN)/python benchmarks/kinesis.py
	$(BIN)/python benchmarks/discovery.py

conformance: $(VENV)/.ready ## the same changes through mack, laktory, koheesio, dlt and this: docs/conformance.md
	$(BIN)/python benchmarks/conformance/conformance.py

format: $(VENV)/.ready ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

landing-function: $(VENV)/.ready ## the landing function of a PRODUCT (a folder), as a zip for AWS Lambda in dist/
	@$(BIN)/medallion ingest function $(PRODUCT)

api-function: $(VENV)/.ready ## the function behind the APIs of a PRODUCT (a folder), as a zip in dist/: docs/apis.md
	@$(BIN)/medallion api function $(PRODUCT)

bundle: $(VENV)/.ready ## the Databricks bundle, checked without a workspace: docs/deploy.md
	@$(BIN)/python -m scripts.bundle

infra: infra-test infra-check ## the AWS platform: synthesise it, test and check its templates (needs no AWS)

infra-test: .venv-infra-app/.ready .venv-infra-ministack/.ready ## the tests of infra/ alone
	.venv-infra-app/bin/python -m pytest -c infra/pytest.ini infra/tests

infra-check: .venv-infra-app/.ready .venv-infra-checkov/.ready ## cfn-lint, cdk-nag and checkov on its templates
	.venv-infra-app/bin/python infra/check.py

build: $(VENV)/.ready ## the wheel, in dist/
	$(BIN)/python -m build --wheel

# Only environments of make's own: VENV may name another.
clean: ## remove what make and the tools made; tables and landing zone (.medallion) stay
	for venv in $(VENV) $(SPARK41) .venv-infra-app .venv-infra-checkov .venv-infra-ministack; do [ ! -e $$venv/.made-by-make ] || rm -rf $$venv; done
	rm -rf .venv-conformance build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.ready: $(SETUP)
	@sh scripts/setup.sh $(VENV)

$(SPARK41)/.ready: $(SETUP) constraints-spark41.txt
	@sh scripts/setup.sh $(SPARK41) constraints-spark41.txt

.venv-infra-app/.ready: infra/setup.sh infra/constraints.txt pyproject.toml
	@sh infra/setup.sh app

.venv-infra-%/.ready: infra/setup.sh infra/constraints-%.txt
	@sh infra/setup.sh $*
