# Stepladder. `make help` lists the targets; each says at once what is missing on the machine and how to get it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

PORT    ?= 7700
PROFILE ?= dev
ORDERS  ?=
FILE    ?=
ROWS    ?= 1000000
SEED    ?= 2026
KILL    ?=
RATE    ?= 200
RUNS    ?= 5000
SECONDS ?= 60
DATA_DIR ?=
STACK   ?=
ARGS    ?=
ARCH    ?= arm64
FUNCTIONS ?=
# `make demo -o jsonl`: make keeps -o for itself, so it is read from make's own command line.
OUTPUT  ?= $(or $(shell tr '\0' '\n' 2>/dev/null </proc/$$PPID/cmdline | sed -nE '/^-o$$/{n;p;q}; s/^-o(text|json|jsonl)$$/\1/p'),text)

# One call builds all programs, so that all of them share one set of features; cli/Cargo.toml makes it that of the tests.
BINS       = cargo build --bins --profile $(PROFILE) -p stepladder-cli -p data-import -p data-pipeline -p order-processing -p employee-onboarding -p user-registration -p stepladder-system
STEPLADDER = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/stepladder
DEV_FLAGS  = --no-build --profile $(PROFILE) $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') --orders $(if $(ORDERS),'$(ORDERS)')

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do printf '%-20s %s\n' "$$target" "$$text"; done
	@echo
	@echo '  PORT=7700  PROFILE=dev|ci|release  ORDERS=file.jsonl  OUTPUT=text|jsonl  DATA_DIR=folder  FILE=rows.csv  ROWS=n  SIM_SEEDS=n  SIM_SEED=n'
	@echo '  ARCH=arm64|x86_64|both  FUNCTIONS="a b"'

dev: need-cargo ## the main job: build, start everything, send the sample orders, show them, stay up
	@$(BINS)
	@$(STEPLADDER) dev --port $(PORT) $(DEV_FLAGS)

demo: need-cargo ## the same with an end, and the sample registrations and hires: 0 only if all ended as they should (ORDERS=file.jsonl alone, -o jsonl)
	@$(BINS)
	@$(STEPLADDER) dev $(DEV_FLAGS) --once -o $(OUTPUT)
	@$(if $(ORDERS),,$(STEPLADDER) dev --no-build --profile $(PROFILE) --workflow user-registration --orders functions/user-registration/samples/registrations.jsonl --once -o $(OUTPUT))
	@$(if $(ORDERS),,$(STEPLADDER) dev --no-build --profile $(PROFILE) --workflow employee-onboarding --orders functions/employee-onboarding/samples/hires.jsonl --once -o $(OUTPUT))

# What a million rows take is no matter of a build without optimisation. The state lies in files, so that no process holds it.
bench-answers import import-proof redrive-proof: PROFILE := $(if $(filter dev,$(PROFILE)),ci,$(PROFILE))

import: need-cargo ## load a file of rows by the workflow data-import, with a live line of progress (FILE=rows.csv, -o jsonl)
	@[ -n '$(FILE)' ] || { echo 'error: which file? make import FILE=rows.csv' >&2; exit 2; }
	@$(BINS)
	@$(STEPLADDER) dev --no-build --profile $(PROFILE) --data-dir '$(or $(DATA_DIR),target/import)' --import '$(FILE)' --once -o $(OUTPUT)

import-proof: need-cargo need-python ## generated rows, loaded, compared row by row with a Python script's result (ROWS=1000000, SEED=n, KILL=1)
	@$(BINS) --example generate_rows --example measure_rows
	@tests/import/run.py --profile $(PROFILE) --rows $(ROWS) --seed $(SEED) $(if $(KILL),--kill)

redrive-proof: need-cargo need-python ## failed orders, redriven by one query that is interrupted and gone on with (RUNS=5000 RATE=50; a short one: RUNS=200)
	@$(BINS)
	@tests/redrives/run.py --profile $(PROFILE) --runs $(RUNS) --rate $(if $(filter file,$(origin RATE)),50,$(RATE))

check: need-nextest need-deny fmt lint docs deny test ## the one gate: formatting, lints, docs, dependencies, tests

fmt: need-cargo ## formatting alone
	@cargo fmt --all --check || { echo 'hint: cargo fmt --all' >&2; exit 1; }

lint: need-cargo ## clippy, and the project's own definitions
	cargo clippy --workspace --all-targets --features stepladder-system/parquet -- -D warnings
	@$(BINS) --quiet
	@$(STEPLADDER) check

docs: need-cargo ## rustdoc without a warning, and its examples
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	cargo test --workspace --doc --quiet

deny: need-deny ## licences, sources and bans of the dependencies
	cargo deny --log-level error check bans licenses sources

audit: need-deny ## known vulnerabilities; needs the advisory database from the network
	cargo deny check advisories

test: need-nextest ## all tests
	cargo nextest run --workspace

test-aws: need-nextest need-python ## the real binaries on an AWS emulator, which is installed and started for it (PROFILE=ci, TESTS=filter)
	tests/aws/run.py --profile $(PROFILE) $(if $(TESTS),-E '$(TESTS)')

test-api: need-cargo need-python ## foreign clients against stepladder dev: boto3, the AWS CLI and schemathesis are installed for it (PROFILE=dev, TRANSITIONS=30000)
	tests/api/run.py --profile $(PROFILE) $(if $(TRANSITIONS),--transitions $(TRANSITIONS))

localstack-test: need-nextest need-python ## the same on LocalStack, for machines with Docker (LOCALSTACK_PORT=4566, TESTS=filter)
	tests/aws/localstack.sh --profile $(PROFILE) $(if $(TESTS),-E '$(TESTS)')

conformance: need-cargo ## the recorded cases alone, with their figures (ASL_CASES=folder; ../shared/asl unless set)
	@$(if $(ASL_CASES),ASL_CASES='$(abspath $(ASL_CASES))') cargo test --quiet -p stepladder-conformance --test conformance -- --nocapture --test-threads=1

sim: need-nextest ## the simulation alone: SIM_SEEDS=n seeds (10,000 unless set), or SIM_SEED=n
	cargo nextest run -p stepladder-simulation --no-capture -E 'test(every_invariant)'

bench: need-cargo bench-engine ## benchmarks: the engine, then the whole on this machine, in memory and in a file
	cargo build --profile ci --bins -p stepladder-bench -p stepladder-system
	cargo build --release -p order-processing --bin charge-payment
	target/ci/bench --step target/release/charge-payment | tee target/bench-memory.json
	rm -rf target/bench-data
	target/ci/bench --data-dir target/bench-data --runs 300 | tee target/bench-file.json

bench-answers: need-cargo need-python ## answers after one step and under load, and an API process that is killed meanwhile (RATE=200 SECONDS=60)
	@$(BINS)
	@tests/answers/run.py --profile $(PROFILE) --rate $(RATE) --seconds $(SECONDS)

bench-engine: need-cargo ## the engine's time per transition, of replays and history pages; parsing, JSONPath and JSONata
	cargo bench -p stepladder-engine --bench engine
	cargo bench -p stepladder-asl --bench parse --bench evaluate

cost: need-cargo ## what a step and an idle month cost on AWS: counted on the programs, computed by list prices; 1 if a goal is missed
	cargo build --profile ci --bins -p stepladder-cli -p data-import -p data-pipeline -p order-processing -p employee-onboarding -p user-registration -p stepladder-system -p stepladder-aws-tests -p stepladder-cost
	$${CARGO_TARGET_DIR:-target}/ci/stepladder synth --quiet --workflow order-processing --format sam --to target/cost-stack
	@$${CARGO_TARGET_DIR:-target}/ci/cost --template target/cost-stack/sam/template.yaml --json target/cost.json

build: need-cargo ## the functions as Lambda takes them: zips in target/lambda (ARCH=arm64|x86_64|both, FUNCTIONS='a b')
	@functions/build.sh $(ARCH) $(FUNCTIONS)

test-build: need-nextest need-arm64 build ## the zips that ARCH=arm64 has built: their glibc, and a message answered under qemu
	cargo nextest run --workspace -E 'binary(bootstraps)' --run-ignored all

synth: need-cargo ## write infra/sam and infra/terraform from the workflows and the settings in functions/*/Cargo.toml
	@$(BINS) --quiet
	@$(STEPLADDER) synth

infra-lint: ## the templates by cfn-lint, sam validate, checkov and terraform fmt; installs what is missing into .tools/infra
	@infra/lint.sh

# The stack on AWS: STACK=name in the region and account of the AWS CLI; or STEPLADDER_ENV=name, or default_env, of
# stepladder.toml.
AT  = $(if $(STACK),STEPLADDER_STACK='$(STACK)') $(STEPLADDER)
ONE = $(if $(and $(STACK),$(STEPLADDER_ENV)),echo 'error: STACK and STEPLADDER_ENV both name a stack: give one' >&2; exit 2)

deploy: need-cargo ## deploy to AWS what `make build` has built: shows what would change, asks, waits (STACK=name)
	@$(ONE)
	@$(BINS) --quiet
	@$(AT) deploy $(ARGS)

destroy: need-cargo ## delete a stack from AWS; table and bucket stay unless ARGS=--delete-data (STACK=name)
	@$(ONE)
	@$(BINS) --quiet
	@$(AT) destroy $(ARGS)

need-cargo:
	@command -v cargo >/dev/null || { echo 'error: cargo is missing. Install Rust 1.95 or newer: https://rustup.rs' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'error: a C compiler is missing. On Debian: apt-get install gcc' >&2; exit 1; }

need-arm64:
	@command -v qemu-aarch64 >/dev/null && [ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ] || { echo 'error: an emulated arm64 is missing. On Debian: apt-get install qemu-user libc6-arm64-cross' >&2; exit 1; }

need-nextest: need-cargo
	@cargo nextest --version >/dev/null 2>&1 || { echo 'error: cargo-nextest is missing. Get it: cargo install --locked cargo-nextest' >&2; exit 1; }

need-deny: need-cargo
	@cargo deny --version >/dev/null 2>&1 || { echo 'error: cargo-deny is missing. Get it: cargo install --locked cargo-deny' >&2; exit 1; }

need-python:
	@python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { echo 'error: Python 3.10 or newer with venv is missing. On Debian: apt-get install python3-venv' >&2; exit 1; }
