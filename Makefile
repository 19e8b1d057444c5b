# demo and test are the two commands of the README; each sets up what it needs. Every step prints
# its name and its time.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

JOBS ?= $(shell nproc)
CARGO_FLAGS := --locked -j $(JOBS)

# $(call step,name,command)
define step
@echo "==> $(1)"; started=$$SECONDS; \
if $(2); then echo "==> $(1): ok, $$((SECONDS - started)) s"; \
else echo "==> $(1): FAILED, $$((SECONDS - started)) s"; exit 1; fi
endef

.PHONY: help demo test soak check bench build fmt lint setup setup-test

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build ## the whole daemon on an embedded broker and a synthetic campaign
	@exec target/release/sillage demo

test: setup-test lint ## everything, with a real Kafka
	$(call step,tests,cargo test $(CARGO_FLAGS))

# Most of its time is the reference model's, whose results on campaigns are kept under target/.
soak: setup-test ## streams made to provoke by the thousand, and whole campaigns, against oracle and model
	$(call step,soak,SILLAGE_SOAK=1 cargo test $(CARGO_FLAGS) --test properties --test reference --test recovery --test durability)

check: setup lint ## format, lints, documentation and the tests that need no service
	$(call step,unit tests,cargo test $(CARGO_FLAGS) --lib --bins)
	$(call step,configuration and tidy,cargo test $(CARGO_FLAGS) --test config --test tidy)

bench: setup-test ## the engine alone, and catch-up from a real Kafka
	$(call step,benches,cargo bench $(CARGO_FLAGS))

build: setup ## the release binary
	$(call step,build,cargo build --release $(CARGO_FLAGS))

fmt: ## format the code
	cargo fmt

lint:
	$(call step,format,cargo fmt --check)
	$(call step,lints,cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings)
	$(call step,documentation,RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --no-deps --quiet)

setup:
	@scripts/setup build

setup-test:
	@scripts/setup build test
