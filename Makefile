# nvcc, for the GPU kernels, is fetched into .tools where the machine has none (scripts/fetch_nvcc.sh).
#
# Two commands, each doing its own set-up on Debian 12 or Ubuntu 22.04/24.04:
#   make demo [INPUT=clip.mp4]   build, matte a clip, verify the result, show where it is
#   make test                    format, lints, docs, all tests

SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin
# Weights that lie beside the checkout are found without an option.
export VRPIPE_MODELS ?= $(wildcard $(CURDIR)/../shared/models)

.PHONY: demo test build bench clean
build:
	@scripts/setup.sh build
	cargo build --release $$(scripts/features.sh)

demo: build
	@scripts/demo.sh $(if $(INPUT),"$(INPUT)")

test:
	@scripts/setup.sh test
	@scripts/test.sh

bench: build
	cargo bench $$(scripts/features.sh)

clean:
	cargo clean
	rm -rf .tools demo
