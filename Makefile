# The two commands: `make conformance` (optionally DUT=strongswan-6.0) and `make test`.
PYTHON ?= python3
DUT ?= reference
OUT ?= reports/out
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

PEERS := strongswan-5.9 strongswan-6.0 libreswan-5.2

.PHONY: peers-strongswan help setup packages conformance ipv6 test lint unit mutants bench lab peers interop vectors peers-down clean $(PEERS:%=peer-%)

help:
	@echo 'make conformance    the suites against the reference; DUT=strongswan-6.0 (peers: $(PEERS)) or'
	@echo '                    DUT=my-gateway.toml: against that; OUT=DIR: where the report goes; ARGS=…: options of pytest'
	@echo 'make test           everything that CI runs, in lanes, which are also targets of their own:'
	@echo '  make lint         style, types, imports'
	@echo '  make unit         the tests of this project itself'
	@echo '  make ipv6         what has to do with addresses, against the reference over IPv6'
	@echo '  make mutants      each test case must catch a deliberately wrong device'
	@echo '  make vectors      the published test vectors against every implementation here'
	@echo '  make bench        how fast it is, as ratios'
	@echo '  make lab          tests of the lab (Docker)'
	@echo '  make peers        the suites against each peer of the lab; peer-NAME: against one'
	@echo '  make interop      the scenarios between two implementations of the lab'
	@echo 'make setup          makes .venv; make packages: installs the Debian packages of the lab'
	@echo 'make peers-down     removes what an interrupted lab left behind'
	@echo 'make clean          removes reports/out'

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'ikeproof needs Python 3.11 or newer: call make with PYTHON=python3.11' >&2; exit 2; }
	@$(PYTHON) -m venv .venv \
	  || { echo 'python -m venv failed: on Debian and Ubuntu install the package python3-venv' >&2; exit 2; }
	@echo 'Installing the libraries into .venv …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(STAMP)

packages:
	@.ci/packages

conformance: $(STAMP) $(if $(filter $(firstword $(subst +, ,$(DUT))),$(PEERS)),packages)
	@$(BIN)/ikeproof run --dut $(DUT) --out $(OUT) $(if $(filter reference,$(DUT)),--strict) $(ARGS)

ipv6: $(STAMP)
	@.ci/ipv6 reference+ipv6 reports/out/ipv6 --strict

test: packages $(STAMP)
	@.ci/lanes lint unit conformance ipv6 mutants vectors bench --lab lab peer-libreswan-5.2,peers-strongswan interop

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(STAMP)
	$(BIN)/pytest -q -p no:sugar -n 2 reference_impl conformance/tester conformance/plugin conformance/requirements conformance/mutants conformance/interop/tests peers reports vectors -m 'not lab'

vectors: $(STAMP)
	$(BIN)/python -m vectors validate
	$(BIN)/python -m vectors replay --all-adapters
	$(BIN)/python -m vectors engine

mutants: $(STAMP)
	$(BIN)/python -m conformance.mutants.run

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(if $(CI),--tolerance 1.5)

peers: $(PEERS:%=peer-%)

# one after the other, the second also when the first fails
peers-strongswan: $(STAMP)
	@$(MAKE) --no-print-directory --keep-going -j1 $(patsubst %,peer-%,$(filter strongswan-%,$(PEERS)))

$(PEERS:%=peer-%): peer-%: $(STAMP)
	@.ci/peer-lane $*

lab: $(STAMP)
	$(BIN)/pytest -q -p no:sugar peers conformance/interop/tests vectors -m lab

interop: $(STAMP)
	$(BIN)/pytest -q -p no:sugar conformance/interop

peers-down: $(STAMP)
	$(BIN)/ikeproof peers down

clean:
	rm -rf reports/out build
