# Muster. `make run` and `make test` set up everything they need on a Debian 12 machine that has Rust.
#
#   make run      build, start the lab and Muster, print a sign-in link   (stop with Ctrl-C; `make down` stops the lab)
#   make test     every test: Rust on SQLite and PostgreSQL, then Chromium
#   make prove    the long suites at full size; writes docs/proof.md
#   make bench    figures beside their controls; writes docs/bench.md
#   make lint     formatting and clippy, warnings denied

# `make run PROFILE=release` builds the fast binary (some minutes more).
PROFILE ?= dev
BIN      = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
LISTEN  ?= 127.0.0.1:8080
DATA    ?= data
# PostgreSQL does not run as root, and its own user may not look into root's home.
LAB     ?= $(if $(filter 0,$(shell id -u)),/var/tmp/muster-lab,.lab)

WASM_LIMIT   = 153600
export PATH := $(CURDIR)/target/tools/node/node_modules/.bin:$(PATH)
# No path of the machine that builds goes into what is served.
FRONT_FLAGS  = --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(HOME)=~

.PHONY: run test prove bench lint build front down setup-run setup-test clean-lab

run: setup-run build
	@MUSTER_LAB_SLACK_ACTIONS=http://$(LISTEN)/callbacks/slack/actions $(BIN)/muster-lab up --dir $(LAB)
	@mkdir -p $(DATA)
	@echo; echo "Starting Muster at http://$(LISTEN) ..."
	@set -a; . $(LAB)/secrets.env; set +a; exec $(BIN)/muster serve --plan plan --data $(DATA) --listen $(LISTEN) --sign-in-link

down:
	@$(BIN)/muster-lab down --dir $(LAB)

test: setup-test front
	cargo test --locked
	cd end2end && npm ci --silent --no-audit --no-fund && npm test

prove: setup-test front
	sh .ci/prove

bench: setup-test front
	sh .ci/bench

lint:
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

build: front
	cargo build --locked --profile $(PROFILE) -p server -p lab

# The browser's half: plain cargo and the core of wasm-bindgen (app/bindgen), of the very version in Cargo.lock.
# Compressed, named by content and put into the binary by server/build.rs.
front: target/site/app_bg.wasm

target/site/app_bg.wasm: $(shell find app domain -name '*.rs' -o -name '*.toml' -o -name '*.svg') Cargo.lock
	@echo "Building the console for the browser (wasm) ..."
	RUSTFLAGS="$(FRONT_FLAGS)" cargo build --locked -p hydrate --profile wasm-release --target wasm32-unknown-unknown --target-dir target/front
	cargo run --quiet --locked -p bindgen -- target/front/wasm32-unknown-unknown/wasm-release/hydrate.wasm target/site
	@brotli -f -q 11 -o target/site/app_bg.wasm.br target/site/app_bg.wasm
	@size=$$(wc -c < target/site/app_bg.wasm.br); rm target/site/app_bg.wasm.br; \
		echo "console wasm: $$size bytes brotli, limit $(WASM_LIMIT)"; \
		if [ $$size -gt $(WASM_LIMIT) ]; then rm target/site/app_bg.wasm; echo "The console's wasm is over its limit."; exit 1; fi

setup-run:
	@sh .ci/setup run

setup-test:
	@sh .ci/setup test
