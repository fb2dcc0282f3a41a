# The few commands of this project. Each is a thin cover over tools/ and the CMake presets; `make help` lists them.
.DEFAULT_GOAL := build
.PHONY: help setup build test demo mini words sets bench format clean

# Parallel compile jobs. One that includes torch takes over a gigabyte.
JOBS ?= 2
# Lets ccache work with precompiled headers.
export CCACHE_SLOPPINESS ?= pch_defines,time_macros

help:             ## list the commands
	@grep -E '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:            ## Debian packages, libtorch in .venv, the language model (only what is missing)
	@tools/setup.sh

build: setup      ## build/release/af2
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target af2

test:             ## all tests of the release build, then the base tests under ASan and UBSan
	@tools/setup.sh --tests
	cmake --preset ci
	cmake --build --preset ci -j $(JOBS)
	@failed=0; \
	ctest --test-dir build/release --output-on-failure --no-tests=error -j 2 || failed=1; \
	{ cmake --preset asan && cmake --build --preset asan -j $(JOBS) && \
	  ctest --test-dir build/asan -L base --output-on-failure --no-tests=error -j 2; } || failed=1; \
	exit $$failed

demo: build       ## ask the shipped model about a real recording and about five minutes made of such
	@tools/demo.sh

mini: build       ## train the mini again, into runs/mini (hours)
	@tools/setup.sh --data
	@tools/make_mini.sh

words:            ## build the word bank of speech scenes, into words (a quarter of an hour)
	@tools/setup.sh --data
	@tools/make_words.sh

sets: build words ## the project's own sets of questions, into sets (an hour)
	@tools/make_sets.sh all

bench: build      ## time to the first word, tokens per second, peak memory
	@bench/first_word.py

format:           ## clang-format every C++ file
	@command -v clang-format >/dev/null || { echo "clang-format is missing: apt-get install -y clang-format"; exit 1; }
	@find af2 tests -name '*.h' -o -name '*.cpp' | xargs clang-format -i

clean:            ## remove the build folders (.venv and models stay)
	rm -rf build
