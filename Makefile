# Stepladder. `make help` lists the targets; each says at once what is missing on the machine and how to get it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help dev demo check test sim bench build fmt lint docs deny clean-dev need-cargo need-nextest need-deny

PORT    ?= 7700
PROFILE ?= dev
ORDERS  ?= functions/order-processing/samples/orders.jsonl
ARGS    ?=
# `make demo -o jsonl` can't be said to make: OUTPUT=jsonl, or ARGS="-o jsonl".
OUTPUT  ?= text
STEPLADDER = cargo run --quiet -p stepladder-cli --bin stepladder --profile $(PROFILE) --

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/' | expand -t 20
	@echo
	@echo '  variables: PORT=7700  PROFILE=dev|ci|release  ORDERS=file.jsonl  OUTPUT=text|jsonl  SIM_SEEDS=n  SIM_SEED=n'

need-cargo:
	@command -v cargo >/dev/null || { echo 'error: cargo is missing. Install Rust 1.95 or newer: https://rustup.rs' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'error: a C compiler is missing. On Debian: apt-get install gcc' >&2; exit 1; }

need-nextest: need-cargo
	@cargo nextest --version >/dev/null 2>&1 || { echo 'error: cargo-nextest is missing. Get it: cargo install --locked cargo-nextest' >&2; exit 1; }

check: fmt lint docs deny test ## the one gate: formatting, clippy, docs, dependencies, tests

fmt: need-cargo
	cargo fmt --all --check

lint: need-cargo
	cargo clippy --workspace --all-targets -- -D warnings

docs: need-cargo
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
	cargo test --workspace --doc --quiet

test: need-nextest ## all tests
	cargo nextest run --workspace

sim: need-nextest ## the simulation: SIM_SEEDS=n seeds, or SIM_SEED=n alone
	cargo nextest run -p stepladder-simulation --no-capture -E 'test(every_invariant)'
