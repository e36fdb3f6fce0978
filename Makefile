# One command each; every one does its own set-up. `make help` lists them.

.DEFAULT_GOAL := build
.PHONY: build demo test bench compare fuzz setup clean help

SHELL := /bin/bash
CARGO ?= cargo
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60

build: ## build peer and switchboard into target/release
	@tools/setup.sh --for demo
	$(CARGO) build --release --bins

demo: build ## make a real call on this machine and measure it; needs no sound hardware
	@target/release/peer demo --out demo

test: ## everything from unit tests to a real browser and a sound server
	@tools/setup.sh --for test
	@CARGO="$(CARGO)" tools/test.sh

bench: ## measure the budgets that a user feels
	@tools/setup.sh --for demo
	$(CARGO) bench

compare: ## calls beside those of libwebrtc and Chromium over bad networks; about an hour, as root
	@tools/setup.sh --for demo
	@tools/compare/run

fuzz: ## run every fuzz target for FUZZ_SECONDS (60) each; needs a nightly toolchain and cargo-fuzz
	@fuzz/run.sh $(FUZZ_SECONDS)

setup: ## install what all of the above need, without building
	@tools/setup.sh --for test

clean: ## remove what was built and recorded
	$(CARGO) clean
	rm -rf demo

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
