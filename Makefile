# Thin: every target is one script. `make help` lists them.
PREFIX ?= /usr/local

.PHONY: all setup demo test test-mpi test-faults test-sanitizers bench install wheel clean help
.DEFAULT_GOAL := all

all: setup ## set up .venv (adios2 wheel, numpy, matplotlib) and build the operator and `inr`
	@scripts/build.sh

setup: ## set up .venv only
	@scripts/setup.sh

demo: ## run a 3D Gray-Scott simulation through the operator; tables and pictures in demo-out/
	@scripts/demo.sh

test: ## run every test; what cannot run here is skipped by name
	@scripts/test.sh

test-mpi: ## build ADIOS2 with MPI (half an hour, once) and run the tests of parallel programs
	@scripts/test_mpi.sh

test-faults: ## kill 200 runs, fill disks and damage files (20 minutes); FAULTS="--kills 30 --others 1" for fewer
	@scripts/test_faults.sh $(FAULTS)

test-sanitizers: ## gcc's sanitizers over the plugin's C++ part, valgrind over unsafe Rust
	@scripts/sanitize.sh

bench: ## kernel speeds and rate-distortion against SZ3, SPERR and ZFP; tables in bench-out/
	@scripts/bench.sh

install: ## install inr, libadios2_inr.so, inr.h, its CMake package, man pages and completions under PREFIX (default /usr/local)
	@scripts/install.sh "$(PREFIX)"

wheel: ## build the Python wheel adios2-inr (module, operator, inr) into dist/
	@scripts/wheel.sh

clean: ## remove everything that was built, downloaded or measured here
	rm -rf target .venv .hosts .mpi .tools demo-out bench-out dist fuzz/corpus

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
